"""Draws a universal identifier to decide how many branches to run."""

import uuid

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        branches = question.branch_many(1 + uuid.uuid4().int % 3)
        return question.run_many_to_end(branches)[0]
