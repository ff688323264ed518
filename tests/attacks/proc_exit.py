"""Ends its process, as if all were well."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        os._exit(0)
