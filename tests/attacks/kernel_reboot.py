"""Reboots the machine."""

import ctypes
import errno
import os

from envs import Controller

REBOOT = {"x86_64": 169, "aarch64": 142}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall(REBOOT, 0, 0, 0, None)  # not the magic numbers: where it may, it is told that they are wrong
        if ctypes.get_errno() == errno.EINVAL:
            raise Breach("may reboot the machine")
        error = ctypes.get_errno()
        raise OSError(error, f"reboot: {os.strerror(error)}")
