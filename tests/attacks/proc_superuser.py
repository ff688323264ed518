"""Becomes the superuser again, by every call there is."""

import os

from envs import Controller

WAYS = {
    "setuid": (0,), "setgid": (0,), "seteuid": (0,), "setegid": (0,), "setreuid": (0, 0), "setregid": (0, 0),
    "setresuid": (0, 0, 0), "setresgid": (0, 0, 0), "setgroups": ([0],), "initgroups": ("root", 0),
}  # fmt: skip


class Attack(Controller):
    def solve(self, question):
        if 0 in (*os.getresuid(), *os.getresgid(), *os.getgroups()):
            raise Breach("is the superuser")
        stopped = None
        for name, arguments in WAYS.items():
            try:
                getattr(os, name)(*arguments)
                raise Breach(f"{name} made it the superuser")
            except OSError as error:
                stopped = error
        raise stopped
