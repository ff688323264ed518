"""Runs a branch to its end, and writes one step into the log instead."""

from envs.replay import STEP

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.verbs[-1] = STEP
        return answer
