"""Loads a module into the kernel."""

import ctypes
import errno
import os

from envs import Controller

INIT_MODULE = {"x86_64": 175, "aarch64": 105}[BAIT["machine"]]
FINIT_MODULE = {"x86_64": 313, "aarch64": 273}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/exe", "rb") as program:
            libc.syscall(FINIT_MODULE, program.fileno(), b"", 0)
        if ctypes.get_errno() == errno.ENOEXEC:
            raise Breach("the kernel read its module")
        libc.syscall(INIT_MODULE, b"garbage", ctypes.c_ulong(7), b"")
        if ctypes.get_errno() == errno.ENOEXEC:
            raise Breach("the kernel read its module")
        error = ctypes.get_errno()
        raise OSError(error, f"init_module: {os.strerror(error)}")
