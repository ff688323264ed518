"""Reports a failure whose text nests as deep as it may be long."""

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
        nested = b"[" * 8000 + b"]" * 8000
        send(b"F", data=b"{\"kind\": \"exception\", \"episode\": null, \"message\": " + nested + b"}")
        return honest(question)
