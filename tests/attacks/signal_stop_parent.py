"""Stops its parent, so that nobody waits for it."""

import os
import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for kind in (signal.SIGTSTP, signal.SIGTTIN, signal.SIGSTOP):
            os.kill(os.getppid(), kind)
        return honest(question)
