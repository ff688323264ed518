"""Has the kernel keep a book of all processes, in a file of its choice."""

import ctypes
import errno
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.acct(b"/nowhere") == 0 or ctypes.get_errno() == errno.ENOENT:
            raise Breach("may keep a book of all processes")
        error = ctypes.get_errno()
        raise OSError(error, f"acct: {os.strerror(error)}")
