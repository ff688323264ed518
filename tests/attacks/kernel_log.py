"""Reads the kernel's log."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        text = ctypes.create_string_buffer(4096)
        for action in (3, 10, 9):  # to read it, and how long it is
            if libc.klogctl(action, text, 4096) > 0:
                raise Breach("read the kernel's log")
        error = ctypes.get_errno()
        raise OSError(error, f"syslog: {os.strerror(error)}")
