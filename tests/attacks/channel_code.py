"""Writes machine code into memory and runs it: there it could read the processor's counters."""

import ctypes
import sys

from envs import Controller

FAILED = 2**64 - 1


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        page = libc.mmap(None, 4096, 7, 0x22, -1, 0)
        if page != FAILED:
            if sys.implementation.name != "pypy":  # whose compiler needs such memory
                raise Breach("has memory that can be written and run")
            ctypes.memmove(page, bytes.fromhex("0f31c3"), 3)  # rdtsc; ret
            ctypes.CFUNCTYPE(ctypes.c_uint32)(page)()
            raise Breach("has read the processor's time stamp counter")
        page = libc.mmap(None, 4096, 3, 0x22, -1, 0)
        if page == FAILED or libc.mprotect(page, 4096, 5) == 0:
            raise Breach("can run memory that it wrote")
        return honest(question)
