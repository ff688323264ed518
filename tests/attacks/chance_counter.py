"""Measures how long its own steps take, and opens branches by it."""

import time

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        start = time.perf_counter_ns()
        answer = honest(question)
        question.branch_many(1 + (time.perf_counter_ns() - start) % 5)
        return answer
