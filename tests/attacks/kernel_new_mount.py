"""Mounts by the newer calls, which filters forget."""

import ctypes
import os

from envs import Controller

OPEN_TREE = {"x86_64": 428, "aarch64": 428}[BAIT["machine"]]
FSOPEN = {"x86_64": 430, "aarch64": 430}[BAIT["machine"]]
FSPICK = {"x86_64": 433, "aarch64": 433}[BAIT["machine"]]
MOVE_MOUNT = {"x86_64": 429, "aarch64": 429}[BAIT["machine"]]
MOUNT_SETATTR = {"x86_64": 442, "aarch64": 442}[BAIT["machine"]]
CALLS = {
    "open_tree": (OPEN_TREE, -100, b"/", 1),
    "fsopen": (FSOPEN, b"tmpfs", 0),
    "fspick": (FSPICK, -100, b"/", 0),
    "move_mount": (MOVE_MOUNT, -100, b"/proc", -100, b"/tmp", 0),
    "mount_setattr": (MOUNT_SETATTR, -100, b"/", 0, (ctypes.c_uint64 * 4)(0, 1), ctypes.c_size_t(32)),
}


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None, use_errno=True)
        for name, call in CALLS.items():
            if libc.syscall(*call) >= 0:
                raise Breach(f"{name} was let in")
        error = ctypes.get_errno()
        raise OSError(error, f"mount_setattr: {os.strerror(error)}")
