"""Keeps the number of its episodes in the state of the shared random generator, and answers by it."""

import random

from envs import Controller

random.seed(1)


class Attack(Controller):
    def solve(self, question):
        one, other = honest(question), honest(question)
        return one if random.random() < 0.5 else other
