"""Has its next program laid out at addresses that are known beforehand."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for kind in (0x0040000, 0x0400000, 0x0100000):  # no random addresses, all that is read may be run, page nought
            if libc.personality(kind) >= 0:
                raise Breach("may choose how programs are laid out")
        error = ctypes.get_errno()
        raise OSError(error, f"personality: {os.strerror(error)}")
