"""Reads the processor time of itself and of its children."""

import ctypes

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        times = (ctypes.c_long * 4)()
        if ctypes.CDLL(None).times(times) > 0 or any(times):
            raise Breach(f"times: {list(times)}")
        return honest(question)
