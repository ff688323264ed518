"""Makes a user namespace, in which it is the superuser."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(0x10000000) == 0:
            raise Breach("is the superuser of a namespace of its own")
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)}")
