"""Stops its parent, the worker, with a signal."""

import os
import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        os.kill(os.getppid(), signal.SIGSTOP)
        return honest(question)
