"""Loads another kernel."""

import ctypes
import errno
import os

from envs import Controller

KEXEC_LOAD = {"x86_64": 246, "aarch64": 104}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        wrong = ctypes.c_ulong(0x0000FFF0)  # flags that there are not, so that nothing is loaded where it may be
        libc.syscall(KEXEC_LOAD, None, ctypes.c_ulong(1), None, wrong)
        if ctypes.get_errno() in (errno.EINVAL, errno.EFAULT):
            raise Breach("may load another kernel")
        error = ctypes.get_errno()
        raise OSError(error, f"kexec_load: {os.strerror(error)}")
