"""Prunes a branch after it has finished, to be charged less for it."""

from envs import Controller
from envs.replay import PRUNE


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.add(PRUNE, (0,))
        return answer
