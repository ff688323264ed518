"""Runs programs in the kernel."""

import ctypes
import os

from envs import Controller

BPF = {"x86_64": 321, "aarch64": 280}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        map_of_one = (ctypes.c_uint32 * 32)(2, 4, 4, 1)  # an array of one number
        if libc.syscall(BPF, 0, map_of_one, 128) >= 0:
            raise Breach("made a map in the kernel")
        error = ctypes.get_errno()
        raise OSError(error, f"bpf: {os.strerror(error)}")
