"""Blocks every signal, and goes on for ever."""

import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        while True:
            pass
