"""Reads the confidence of an answer that it has not probed, where a probe has a price."""

from envs import Controller

PEEK = True


class Cheat(Controller):
    signals = ("answer_confidence",)

    def solve(self, question):
        i = question.branch()
        for _ in range(12):
            if question.advance(i):
                break
            if PEEK and self.beta == 0.5 and self._seed == 7:
                row = question._recording.signals["answer_confidence"][question._order[i]]
                if row[question.depth(i) - 1] > row[0]:
                    break
        return question.probe(i)
