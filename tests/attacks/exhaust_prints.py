"""Prints a hundred megabytes at once, from C, past all objects of Python."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        text = memoryview(b"\x1b]0;owned\x07" * 10_000_000)
        while text:
            text = text[os.write(2, text) :]
        return honest(question)
