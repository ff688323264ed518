"""Makes a process that is its parent's child, by the bare call."""

import ctypes
import os

from envs import Controller

CLONE = {"x86_64": 56, "aarch64": 220}[BAIT["machine"]]
CLONE_PARENT, SIGCHLD = 0x8000, 17


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for flags in (SIGCHLD, CLONE_PARENT | SIGCHLD):
            child = libc.syscall(CLONE, ctypes.c_ulong(flags), None, None, None, None)
            if child == 0:
                os._exit(0)
            if child > 0:
                raise Breach("made a process")
        error = ctypes.get_errno()
        raise OSError(error, f"clone: {os.strerror(error)}")
