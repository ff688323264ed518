"""Copies its parent's memory."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        here = ctypes.create_string_buffer(8)
        libc.Py_GetVersion.restype = ctypes.c_void_p  # text at the same address in the parent, which it was forked from
        ours = (ctypes.c_void_p * 2)(ctypes.addressof(here), 8)
        theirs = (ctypes.c_void_p * 2)(libc.Py_GetVersion(), 8)
        for process in (os.getppid(), 1):
            if libc.process_vm_readv(process, ours, 1, theirs, 1, 0) >= 0:
                raise Breach(f"read the memory of process {process}")
        error = ctypes.get_errno()
        raise OSError(error, f"process_vm_readv: {os.strerror(error)}")
