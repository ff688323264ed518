"""Leaves a file in a directory of the host that anybody may write to."""

import os
from pathlib import Path

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        (Path(BAIT["drop"]) / f"left by {os.getpid()}").touch()
        raise Breach("left a file on the host")
