"""Opens for writing the program that runs the next candidate."""

import os
import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for file in (
            "/worker.py",
            sys.modules["__main__"].__file__,
            sys.executable,
            os.path.realpath("/proc/self/exe"),
        ):
            try:
                os.close(os.open(file, os.O_WRONLY))  # writes nothing
                raise Breach(f"may write to {file}")
            except OSError as error:
                stopped = error
        raise stopped
