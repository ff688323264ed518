"""Moves its root, and climbs out of the old one."""

import ctypes
import os

from envs import Controller

PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        stopped = None
        for place in ("/proc", "/usr", "/"):
            try:
                os.chroot(place)
                raise Breach(f"moved its root to {place}")
            except OSError as error:
                stopped = error
        if libc.syscall(PIVOT_ROOT, b"/proc", b"/proc") == 0:
            raise Breach("exchanged its root")
        raise stopped
