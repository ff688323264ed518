"""Copies the interpreter, marks the copy as the superuser's, and starts it."""

import os
import shutil
import sys

from envs import Controller

PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for place in PLACES:
            copy = os.path.join(place, f"python-{os.getpid()}")
            try:
                shutil.copyfile(sys.executable or "/proc/self/exe", copy)
                os.chmod(copy, 0o6755)
                process = os.posix_spawn(copy, [copy, "-I", "-S", "-c", "pass"], {})
                os.waitpid(process, 0)
                raise Breach(f"started a copy of the interpreter in {place}")
            except OSError as error:
                stopped = error
                if os.path.exists(copy):
                    os.unlink(copy)
        raise stopped
