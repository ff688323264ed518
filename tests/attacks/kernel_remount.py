"""Mounts what it may only read once more, to write to it."""

import ctypes
import os

from envs import Controller

REMOUNT, BIND = 32, 4096


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for place in (b"/", b"/proc", b"/proc/sys", b"/sys", b"/worker.py"):
            for flags in (REMOUNT, REMOUNT | BIND, BIND):
                if libc.mount(place, place, None, flags, None) == 0:
                    raise Breach(f"mounted {place.decode()} again")
        error = ctypes.get_errno()
        raise OSError(error, f"mount: {os.strerror(error)}")
