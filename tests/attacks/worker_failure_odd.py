"""Reports a failure whose kind is a list, and whose message is of escapes and line breaks."""

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
        send(b"F", data=b'{"kind": ["ok"], "message": "\\u001b[2J\\ud800\\n\\n", "episode": true}')
        return honest(question)
