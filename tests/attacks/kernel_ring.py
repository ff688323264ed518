"""Sets up a ring by which the kernel makes calls that no filter sees."""

import ctypes
import os

from envs import Controller

IO_URING_SETUP = {"x86_64": 425, "aarch64": 425}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(IO_URING_SETUP, 4, ctypes.create_string_buffer(256)) >= 0:
            raise Breach("has a ring that passes the filter by")
        error = ctypes.get_errno()
        raise OSError(error, f"io_uring_setup: {os.strerror(error)}")
