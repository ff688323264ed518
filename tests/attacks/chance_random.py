"""Draws from a generator without a seed which of two answers to give."""

import random

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        one, other = honest(question), honest(question)
        return random.choice((one, other))
