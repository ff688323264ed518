"""Adds up for ever, in one call that nothing interrupts."""

import itertools

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        return sum(itertools.repeat(0))
