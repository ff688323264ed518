"""Opens the memory of other processes as a file."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for process in (os.getppid(), 1, 2, BAIT["pid"]):
            if process != os.getpid():
                for mode in (os.O_RDONLY, os.O_RDWR):
                    try:
                        os.close(os.open(f"/proc/{process}/mem", mode))
                        raise Breach(f"opened the memory of process {process}")
                    except OSError as error:
                        stopped = stopped or error
        raise stopped
