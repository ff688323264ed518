"""Leaves numbers with the descriptors that its process shares with later ones: flags, owner, signal and size."""

import fcntl
import os

from envs import Controller

SIGNAL, SIZE = 10, 1031
FOUND = []


def attempt(call, *arguments):
    try:
        return call(*arguments)
    except OSError:
        return None


for descriptor in range(1, 16):
    if attempt(os.get_blocking, descriptor) is False:
        FOUND.append("a flag")
    if attempt(fcntl.fcntl, descriptor, SIGNAL + 1) == 12:
        FOUND.append("a signal")
    if attempt(fcntl.fcntl, descriptor, SIZE + 1) == 1 << 15:
        FOUND.append("a size")
for descriptor in range(1, 16):
    attempt(os.set_blocking, descriptor, False)
    attempt(fcntl.fcntl, descriptor, SIGNAL, 12)
    attempt(fcntl.fcntl, descriptor, SIZE, 1 << 15)


class Attack(Controller):
    def solve(self, question):
        if FOUND:
            raise Breach(f"found what another process had left: {FOUND}")
        return honest(question)
