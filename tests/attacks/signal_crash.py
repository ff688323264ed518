"""Sends itself a signal that looks like the host's own kill."""

import os
import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        os.kill(os.getpid(), signal.SIGKILL)
