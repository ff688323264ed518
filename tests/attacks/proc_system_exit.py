"""Asks the interpreter to end."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        sys.exit("done")
