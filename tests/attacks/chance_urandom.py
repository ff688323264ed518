"""Reads random bytes to decide how many branches to run."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        branches = question.branch_many(1 + os.urandom(1)[0] % 3)
        return question.run_many_to_end(branches)[0]
