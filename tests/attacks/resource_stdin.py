"""Waits for input that never comes."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        if os.read(0, 1):
            raise Breach("read the worker's input")
        return input()
