"""Announces a result that is larger than all memory, and sends it."""

import os
import struct

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for descriptor in range(3, 8):
            try:
                os.write(descriptor, struct.pack("<cIiI", b"E", 0, 0, 0xFFFFFFF0))
            except OSError:
                continue
            while True:
                os.write(descriptor, bytes(1 << 16))
