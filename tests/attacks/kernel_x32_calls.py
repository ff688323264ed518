"""Makes calls by the numbers of x32 programs, which filters forget."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        if BAIT["machine"] != "x86_64":
            raise OSError("this processor has no such calls")
        libc = ctypes.CDLL(None, use_errno=True)
        for number, flags in ((272, 0x10000000), (272, 0x00020000), (41, 16)):
            if libc.syscall(0x40000000 | number, flags, 3, 0) >= 0:
                raise Breach(f"call {number} of x32 programs was let in")
        error = ctypes.get_errno()
        raise OSError(error, f"syscall: {os.strerror(error)}")
