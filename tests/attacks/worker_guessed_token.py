"""Guesses a token of the right form."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        honest(question)
        return f"{self.random.getrandbits(48):012x}"
