"""Raises an error with a text of a hundred megabytes."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        raise ValueError("x" * (100 << 20))
