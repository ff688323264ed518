"""Compares what it has open with what its parent has open, to learn the kernel's addresses."""

import ctypes
import os

from envs import Controller

KCMP = {"x86_64": 312, "aarch64": 272}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(KCMP, os.getpid(), os.getppid(), 0, ctypes.c_ulong(0), ctypes.c_ulong(0)) >= 0:
            raise Breach("looked into its parent")
        error = ctypes.get_errno()
        raise OSError(error, f"kcmp: {os.strerror(error)}")
