"""Writes a negative number of times into the log."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.repeats[-1] = -1
        return answer
