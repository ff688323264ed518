"""Raises an exception that says a gigabyte."""

from envs import Controller


class Huge(Exception):
    def __str__(self):
        return "x" * (1 << 30)


class Attack(Controller):
    def solve(self, question):
        raise Huge
