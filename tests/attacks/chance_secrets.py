"""Draws secrets to decide which of two answers to give."""

import secrets

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        one, other = honest(question), honest(question)
        return secrets.choice((one, other))
