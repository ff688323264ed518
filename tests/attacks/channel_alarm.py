"""Starts an alarm through the C library, which reports how much of the last one was left."""

import ctypes

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None)
        libc.alarm(100)
        left = libc.alarm(0)
        if left not in (0, -1):
            raise Breach(f"an alarm had {left} seconds left")
        return honest(question)
