"""Leaves its session and its process group, so that what stops them misses it."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for way in (os.setsid, lambda: os.setpgid(0, 0), lambda: os.setpgid(0, os.getppid())):
            try:
                way()
            except OSError as error:
                stopped = error
        if stopped:
            raise stopped
        while True:
            pass
