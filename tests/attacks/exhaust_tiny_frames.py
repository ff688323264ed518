"""Writes millions of frames without data, each of which is allowed once."""

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
        ready = struct.pack("<cIiI", b"R", 0, 0, 0) * 4096
        while True:
            for descriptor in range(3, 16):
                try:
                    os.write(descriptor, ready)
                except OSError:
                    continue
