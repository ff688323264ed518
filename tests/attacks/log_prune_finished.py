"""Prunes a branch after it has finished, to be charged less for it."""

from envs.replay import PRUNE

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.add(PRUNE, (0,))
        return answer
