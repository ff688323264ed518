"""Takes back its promise to gain no privileges, or has one left to lose."""

import ctypes
import os

from envs import Controller

PR_GET_NO_NEW_PRIVS, PR_SET_NO_NEW_PRIVS = 39, 38


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0:
            raise Breach("may gain privileges from a setuid file")
        if libc.prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0:
            raise Breach("took back its promise to gain no privileges")
        error = ctypes.get_errno()
        raise OSError(error, f"prctl: {os.strerror(error)}")
