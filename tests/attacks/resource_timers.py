"""Makes timers until the kernel has no room for them."""

import ctypes
import os

from envs import Controller

TIMER_CREATE = {"x86_64": 222, "aarch64": 107}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        name = ctypes.c_int()
        for _ in range(200_000):
            if libc.syscall(TIMER_CREATE, 1, None, ctypes.byref(name)) != 0:
                error = ctypes.get_errno()
                raise OSError(error, f"timer_create: {os.strerror(error)}")
        raise Breach("made 200,000 timers")
