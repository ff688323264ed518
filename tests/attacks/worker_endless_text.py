"""Raises an exception that never finishes saying what it is."""

from envs import Controller


class Endless(Exception):
    def __str__(self):
        while True:
            pass


class Attack(Controller):
    def solve(self, question):
        raise Endless
