"""Holds memory that the kernel may not move to disk."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for flags in (1, 2, 3):
            if libc.mlockall(flags) == 0:
                raise Breach("locked its memory")
        error = ctypes.get_errno()
        raise OSError(error, f"mlockall: {os.strerror(error)}")
