"""Raises an error whose text takes for ever to make."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        class Endless(Exception):
            def __str__(self):
                while True:
                    pass

        raise Endless
