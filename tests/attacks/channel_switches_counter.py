"""Has the processor's time stamp counter switched on again for itself."""

import ctypes

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        state = ctypes.c_int(0)
        libc = ctypes.CDLL(None)
        if libc.prctl(26, 1, 0, 0, 0) == 0:
            raise Breach("switched the counter on")
        if libc.prctl(25, ctypes.byref(state), 0, 0, 0) == 0:
            raise Breach(f"knows the state of the counter: {state.value}")
        return honest(question)
