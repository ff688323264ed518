"""Keeps a secret in the kernel's keyring, where another candidate may find it."""

import ctypes
import os

from envs import Controller

ADD_KEY = {"x86_64": 248, "aarch64": 217}[BAIT["machine"]]
KEYCTL = {"x86_64": 250, "aarch64": 219}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for ring in (-3, -4, -5):  # the session's, the user's, the user's sessions'
            if libc.syscall(ADD_KEY, b"user", b"autotts", b"x", ctypes.c_size_t(1), ring) >= 0:
                raise Breach("left a key")
            if libc.syscall(KEYCTL, 0, ring, 0) >= 0:
                raise Breach("reached a keyring")
        error = ctypes.get_errno()
        raise OSError(error, f"keyctl: {os.strerror(error)}")
