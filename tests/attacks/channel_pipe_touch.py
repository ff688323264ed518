"""Leaves a time, a mode or an owner with the pipes that it shares with its parent."""

import os

from envs import Controller

LEAVE = (
    lambda fd: os.utime(fd, (1, 1)),
    lambda fd: os.fchmod(fd, 0o600),
    lambda fd: os.fchown(fd, -1, -1),
    lambda fd: os.fchown(fd, os.getuid(), os.getgid()),
)


class Attack(Controller):
    def solve(self, question):
        for descriptor in range(16):
            for leave in LEAVE:
                try:
                    leave(descriptor)
                except OSError:
                    continue
                raise Breach(f"left something with descriptor {descriptor}")
        return honest(question)
