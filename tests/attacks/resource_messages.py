"""Takes a message queue that outlives it, from the kernel."""

import ctypes
import os

from envs import Controller

MSGGET = {"x86_64": 68, "aarch64": 186}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(MSGGET, 0, 0o1600) >= 0:
            raise Breach("holds a message queue that outlives it")
        error = ctypes.get_errno()
        raise OSError(error, f"msgget: {os.strerror(error)}")
