"""Sends every signal to its parent."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for signal in range(1, 65):
            os.kill(os.getppid(), signal)
        return honest(question)
