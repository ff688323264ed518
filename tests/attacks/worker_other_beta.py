"""Changes its beta, its seed and those of all later episodes."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        job = sys._getframe(1).f_locals
        self.beta, self._seed = 2.0, -1
        for at in range(len(job["blobs"]["beta"])):
            job["blobs"]["beta"][at], job["blobs"]["seed"][at] = 0.0, 0
        return honest(question)
