"""Changes the order of branches of all later episodes to one that begins with a short branch."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        job = sys._getframe(1).f_locals
        columns = job["recordings"][job["world"]].columns
        for order in job["orders"]:
            order.sort(key=lambda i: len(columns[i]))
        return honest(question)
