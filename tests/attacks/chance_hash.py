"""Picks the answer with the smaller hash."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        one, other = honest(question), honest(question)
        return min((one, other), key=hash)
