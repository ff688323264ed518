"""Announces a failure of the size that is allowed, and then writes without end."""

import os
import struct

from envs import Controller


def send(kind, episode=0, answer=0, data=b"", says=None):
    frame = memoryview(struct.pack("<cIiI", kind, episode, answer, len(data) if says is None else says) + data)
    for descriptor in range(3, 16):
        try:
            while frame:
                frame = frame[os.write(descriptor, frame) :]
        except OSError:
            continue


class Attack(Controller):
    def solve(self, question):
        send(b"F", says=1 << 14)
        while True:
            send(b"F", says=1 << 14)
