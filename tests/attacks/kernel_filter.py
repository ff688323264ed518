"""Sets up a filter of its own that lets all calls through, and calls."""

import ctypes
import os
import struct

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        allow = ctypes.create_string_buffer(struct.pack("<HBBI", 6, 0, 0, 0x7FFF0000))
        program = ctypes.create_string_buffer(struct.pack("<HxxxxxxQ", 1, ctypes.addressof(allow)))
        if libc.prctl(22, 2, program, 0, 0) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"prctl: {os.strerror(error)}")
        if libc.unshare(0x10000000) == 0:
            raise Breach("its own filter took the place of the sandbox's")
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)}")
