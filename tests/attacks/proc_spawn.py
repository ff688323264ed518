"""Starts a program by every way that the library has."""

import multiprocessing
import os
import subprocess
import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        ways = {
            "fork": lambda: os.fork() or os._exit(0),
            "forkpty": lambda: os.forkpty()[0] or os._exit(0),
            "posix_spawn": lambda: os.posix_spawn("/proc/self/exe", ["python", "-c", "pass"], {}),
            "subprocess": lambda: subprocess.run([sys.executable, "-c", "pass"], check=True, timeout=1),
            "multiprocessing": lambda: multiprocessing.get_context("fork").Process(target=int).start(),
            "popen": lambda: os.popen("true").close(),
        }
        stopped = None
        for name, way in ways.items():
            try:
                way()
                raise Breach(f"started a process by {name}")
            except OSError as error:
                stopped = stopped or error
        raise stopped
