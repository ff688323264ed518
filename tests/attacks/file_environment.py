"""Looks for the host's secrets in the environment of every process that it can name."""

import os
from pathlib import Path

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        if BAIT["variable"] in os.environ or os.getenvb(BAIT["variable"].encode()):
            raise Breach("has the host's environment")
        stopped = None
        for process in ["self", "thread-self", os.getppid(), BAIT["pid"], *range(1, 64)]:
            try:
                if BAIT["variable"].encode() in Path(f"/proc/{process}/environ").read_bytes():
                    raise Breach(f"read the host's environment at process {process}")
            except OSError as error:
                stopped = stopped or error
        if stopped:
            raise stopped
        return honest(question)
