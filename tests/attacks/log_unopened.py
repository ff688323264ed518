"""Writes into the log that it ran a branch which was never opened."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.indices[-1] = question.max_branches - 1
        return answer
