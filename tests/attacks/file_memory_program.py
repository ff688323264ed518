"""Keeps a program in memory that has no path, and becomes it."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        handle = os.memfd_create("program", 0)
        with open("/proc/self/exe", "rb") as interpreter:
            os.write(handle, interpreter.read(1 << 16))
        os.execve(handle, ["program", "-c", "pass"], {})
