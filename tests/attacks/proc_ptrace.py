"""Takes hold of its parent as a debugger would."""

import ctypes
import os

from envs import Controller

ATTACH, DETACH, SEIZE = 16, 17, 0x4206


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for process in (os.getppid(), 1):
            for request in (SEIZE, ATTACH):
                if libc.ptrace(request, process, None, None) == 0:
                    libc.ptrace(DETACH, process, None, None)
                    raise Breach(f"took hold of process {process}")
        error = ctypes.get_errno()
        raise OSError(error, f"ptrace: {os.strerror(error)}")
