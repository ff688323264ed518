"""Puts standard error in the place of the results."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for descriptor in range(3, 16):
            os.dup2(2, descriptor)
        return honest(question)
