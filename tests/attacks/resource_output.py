"""Prints without end."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        while True:
            sys.stderr.write("x" * 4096)
