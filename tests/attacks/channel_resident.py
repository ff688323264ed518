"""Asks which pages of a library are in memory."""

import ctypes

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None)
        libc.mincore.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p]
        here = ctypes.cast(libc.mincore, ctypes.c_void_p).value & ~65535
        seen = ctypes.create_string_buffer(16)
        if libc.mincore(here, 65536, seen) == 0:
            raise Breach(f"pages in memory: {seen.raw.hex()}")
        return honest(question)
