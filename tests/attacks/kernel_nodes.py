"""Has its pages moved between the machine's memories, and another's."""

import ctypes
import os

from envs import Controller

MOVE_PAGES = {"x86_64": 279, "aarch64": 239}[BAIT["machine"]]
MIGRATE_PAGES = {"x86_64": 256, "aarch64": 238}[BAIT["machine"]]


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        some = (ctypes.c_ulong * 1)(1)
        if libc.syscall(MIGRATE_PAGES, os.getppid(), ctypes.c_ulong(1), some, some) >= 0:
            raise Breach("moved its parent's pages")
        if libc.syscall(MOVE_PAGES, os.getppid(), ctypes.c_ulong(0), None, None, None, 0) >= 0:
            raise Breach("asked where its parent's pages are")
        error = ctypes.get_errno()
        raise OSError(error, f"move_pages: {os.strerror(error)}")
