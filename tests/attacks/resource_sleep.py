"""Sleeps for ever."""

from time import sleep

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        sleep(1 << 20)
