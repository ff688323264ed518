"""Computes a number with a hundred million digits."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        return str(10**10**8)[:1]
