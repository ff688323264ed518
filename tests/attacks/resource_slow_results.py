"""Sends the host one byte of a result every now and then, to keep it waiting."""

import os
from time import sleep

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        while True:
            for descriptor in range(3, 8):
                try:
                    os.write(descriptor, b"E")
                except OSError:
                    continue
            sleep(0.2)
