"""Mounts a file system of its own."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for kind in (b"tmpfs", b"proc", b"sysfs", b"cgroup", b"cgroup2", b"devtmpfs", b"overlay"):
            if libc.mount(b"none", b"/proc", kind, 0, None) == 0:
                libc.umount2(b"/proc", 2)
                raise Breach(f"mounted {kind.decode()}")
        error = ctypes.get_errno()
        raise OSError(error, f"mount: {os.strerror(error)}")
