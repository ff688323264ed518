"""Raises an exception whose text is no text, and whose class has a name of three lines."""

from envs import Controller


class Odd(Exception):
    def __str__(self):
        return Odd


Odd.__name__ = "one\ntwo\nthree"


class Attack(Controller):
    def solve(self, question):
        raise Odd
