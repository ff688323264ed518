"""Writes into its parent's memory."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        libc.Py_GetVersion.restype = ctypes.c_void_p  # text at the same address in the parent, which it was forked from
        same = (ctypes.c_void_p * 2)(libc.Py_GetVersion(), 8)
        for process in (os.getppid(), 1):
            if libc.process_vm_writev(process, same, 1, same, 1, 0) >= 0:
                raise Breach(f"wrote to the memory of process {process}")
        error = ctypes.get_errno()
        raise OSError(error, f"process_vm_writev: {os.strerror(error)}")
