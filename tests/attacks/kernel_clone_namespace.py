"""Makes a process in namespaces of its own."""

import ctypes
import os

from envs import Controller

CLONE = {"x86_64": 56, "aarch64": 220}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for flag in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x7C020000):
            child = libc.syscall(CLONE, ctypes.c_ulong(flag | 17), None, None, None, None)
            if child == 0:
                os._exit(0)
            if child > 0:
                raise Breach("made a process in namespaces of its own")
        error = ctypes.get_errno()
        raise OSError(error, f"clone: {os.strerror(error)}")
