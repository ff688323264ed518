"""Ends the process when an object is thrown away."""

from envs import Controller


class Dying:
    def __del__(self):
        raise SystemExit(0)


class Attack(Controller):
    def solve(self, question):
        Dying()
        return honest(question)
