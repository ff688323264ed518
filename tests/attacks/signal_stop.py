"""Stops itself, and waits to be forgotten."""

import os
import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        os.kill(os.getpid(), signal.SIGSTOP)
        return honest(question)
