"""Takes memory that even the kernel cannot take back."""

import ctypes
import mmap
import os

from envs import Controller

MEMFD_SECRET = {"x86_64": 447, "aarch64": 447}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        handle = libc.syscall(MEMFD_SECRET, 0)
        if handle < 0:
            error = ctypes.get_errno()
            raise OSError(error, f"memfd_secret: {os.strerror(error)}")
        try:
            os.ftruncate(handle, 1 << 20)
            mmap.mmap(handle, 1 << 20)[0] = 1
        finally:
            os.close(handle)
        raise Breach("took memory that nobody can take back")
