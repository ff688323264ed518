"""Takes a descriptor out of its parent: the pipe that jobs come in by."""

import ctypes
import os

from envs import Controller

GETFD = {"x86_64": 438, "aarch64": 438}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        handle = os.pidfd_open(os.getppid())
        try:
            for descriptor in range(4):
                if libc.syscall(GETFD, handle, descriptor, 0) >= 0:
                    raise Breach(f"took descriptor {descriptor} out of its parent")
        finally:
            error = ctypes.get_errno()
            os.close(handle)
        raise OSError(error, f"pidfd_getfd: {os.strerror(error)}")
