"""Sets the machine's clock."""

import ctypes
import os

from envs import Controller

SETTIMEOFDAY = {"x86_64": 164, "aarch64": 170}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(SETTIMEOFDAY, None, None) == 0:  # to nothing: where it may, that changes nothing
            raise Breach("may set the clock")
        error = ctypes.get_errno()
        raise OSError(error, f"settimeofday: {os.strerror(error)}")
