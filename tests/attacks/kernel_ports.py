"""Talks to the machine's hardware, port by port."""

import ctypes
import os

from envs import Controller

IOPL = {"x86_64": 172}[BAIT["machine"]]
IOPERM = {"x86_64": 173}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(IOPL, 3) == 0 or libc.syscall(IOPERM, ctypes.c_ulong(0x80), ctypes.c_ulong(1), 1) == 0:
            raise Breach("may talk to the hardware")
        error = ctypes.get_errno()
        raise OSError(error, f"ioperm: {os.strerror(error)}")
