"""Watches, and may forbid, what is opened on a whole file system."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for flags in (0x4, 0x0, 0x200):  # may forbid, is told, is told of no more than names
            if libc.fanotify_init(flags, 0) >= 0:
                raise Breach("watches the file system")
        error = ctypes.get_errno()
        raise OSError(error, f"fanotify_init: {os.strerror(error)}")
