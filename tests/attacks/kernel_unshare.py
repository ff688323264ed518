"""Makes namespaces of every kind."""

import ctypes
import os

from envs import Controller

KINDS = {
    "mount": 0x00020000, "cgroup": 0x02000000, "uts": 0x04000000, "ipc": 0x08000000, "pid": 0x20000000,
    "network": 0x40000000, "time": 0x00000080,
}  # fmt: skip


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for name, flag in KINDS.items():
            for flags in (flag, flag | 0x10000000):
                if libc.unshare(flags) == 0:
                    raise Breach(f"made a {name} namespace")
        error = ctypes.get_errno()
        raise OSError(error, f"unshare: {os.strerror(error)}")
