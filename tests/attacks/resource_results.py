"""Writes garbage without end where the results go."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        while True:
            for descriptor in range(3, 8):
                try:
                    os.write(descriptor, b"\xff" * 4096)
                except OSError:
                    continue
