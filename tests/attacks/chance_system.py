"""Draws from the system's generator which of two answers to give."""

import random

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        one, other = honest(question), honest(question)
        return random.SystemRandom().choice((one, other))
