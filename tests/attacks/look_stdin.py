"""Reads the job's message again from standard input and from every other open descriptor."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for descriptor in range(64):
            try:
                os.set_blocking(descriptor, False)
                os.lseek(descriptor, 0, os.SEEK_SET)
            except OSError:
                pass
            try:
                if os.read(descriptor, 1 << 16):
                    raise Breach(f"read from descriptor {descriptor}")
            except OSError:
                continue
        return honest(question)
