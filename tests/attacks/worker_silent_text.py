"""Raises an exception that raises another one when it is asked what it is."""

from envs import Controller


class Silent(Exception):
    def __str__(self):
        raise KeyboardInterrupt


class Attack(Controller):
    def solve(self, question):
        raise Silent
