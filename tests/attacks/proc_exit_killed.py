"""Ends its process with the code of one that was killed from outside, so that it is run again."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        os._exit(137)
