"""Takes memory that outlives it, from the kernel."""

import ctypes
import os

from envs import Controller

SHMGET = {"x86_64": 29, "aarch64": 194}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(SHMGET, 0, ctypes.c_size_t(1 << 20), 0o1600) >= 0:
            raise Breach("holds memory that outlives it")
        error = ctypes.get_errno()
        raise OSError(error, f"shmget: {os.strerror(error)}")
