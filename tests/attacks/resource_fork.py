"""Forks as often as it may."""

import os
from time import sleep

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for _ in range(500):
            if os.fork() == 0:
                sleep(1)
                os._exit(0)
        raise Breach("made 500 processes")
