"""Reports a failure in JSON that is nested a hundred thousand levels deep."""

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
        send(b"F", data=b"[" * 100_000)
        return honest(question)
