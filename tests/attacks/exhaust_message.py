"""Reports a failure whose message has eight million characters."""

import json
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
        failure = {"kind": "exception", "message": "\x1b[2J" + "x" * 8_000_000, "episode": None}
        send(b"F", data=json.dumps(failure).encode())
        return honest(question)
