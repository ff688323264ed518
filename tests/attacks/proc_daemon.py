"""Leaves its session by two forks, to live on when its time is over."""

import os
from time import sleep

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                sleep(5)
            os._exit(0)
        raise Breach("started a process that lives on")
