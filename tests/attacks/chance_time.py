"""Looks at the clock to decide how many branches to run."""

import time

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        branches = question.branch_many(1 + time.time_ns() // 1000 % 3)
        return question.run_many_to_end(branches)[0]
