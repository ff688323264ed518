"""Kills every process that it may."""

import os
import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        if sum(name.isdigit() for name in os.listdir("/proc")) > 16:
            raise Breach("has more processes around it than its own")  # and does not harm them
        os.kill(-1, signal.SIGKILL)
        return honest(question)
