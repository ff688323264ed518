"""Makes a process by the newest call there is."""

import ctypes
import os

from envs import Controller

CLONE3 = {"x86_64": 435, "aarch64": 435}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        wanted = (ctypes.c_uint64 * 11)()
        wanted[4] = 17  # exit_signal: SIGCHLD
        child = libc.syscall(CLONE3, wanted, ctypes.c_ulong(88))
        if child == 0:
            os._exit(0)
        if child > 0:
            raise Breach("made a process")
        error = ctypes.get_errno()
        raise OSError(error, f"clone3: {os.strerror(error)}")
