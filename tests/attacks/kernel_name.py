"""Gives the machine another name."""

import ctypes
import os
import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        name = socket.gethostname().encode()  # the one that it has
        if libc.sethostname(name, len(name)) == 0 or libc.setdomainname(b"(none)", 6) == 0:
            raise Breach("may name the machine")
        error = ctypes.get_errno()
        raise OSError(error, f"sethostname: {os.strerror(error)}")
