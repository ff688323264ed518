"""Handles page faults itself, to stop the kernel in the middle of a call."""

import ctypes
import os

from envs import Controller

USERFAULTFD = {"x86_64": 323, "aarch64": 282}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for flags in (0, 1):
            if libc.syscall(USERFAULTFD, flags) >= 0:
                raise Breach("handles page faults")
        error = ctypes.get_errno()
        raise OSError(error, f"userfaultfd: {os.strerror(error)}")
