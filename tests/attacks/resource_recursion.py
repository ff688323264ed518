"""Calls itself for ever."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        return self.solve(question)
