"""Turns swapping on, into a file of its choice."""

import ctypes
import errno
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.swapon(b"/nowhere", 0) == 0 or ctypes.get_errno() == errno.ENOENT:
            raise Breach("may turn swapping on")
        error = ctypes.get_errno()
        raise OSError(error, f"swapon: {os.strerror(error)}")
