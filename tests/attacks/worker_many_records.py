"""Writes a result whose log claims four billion records."""

import os
import struct

from envs import Controller


def send(kind, episode=0, answer=0, data=b"", says=None):
    frame = struct.pack("<cIiI", kind, episode, answer, len(data) if says is None else says) + data
    for descriptor in range(3, 16):
        try:
            os.write(descriptor, frame)
        except OSError:
            continue


class Attack(Controller):
    def solve(self, question):
        send(b"E", 0, 0, struct.pack("<I", (1 << 32) - 1) + bytes(1000))
        return honest(question)
