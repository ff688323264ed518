"""Reads the numbers of processes and threads, which count those that ran before."""

import ctypes
import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        numbers = (os.getpid(), os.getppid(), ctypes.CDLL(None).gettid(), ctypes.CDLL(None).getpgrp())
        if any(number > 0 for number in numbers):
            raise Breach(f"knows {numbers}")
        return honest(question)
