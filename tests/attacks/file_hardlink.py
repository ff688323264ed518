"""Makes hard links to a file of the host and to its own worker's file."""

import os
from pathlib import Path

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for target in (BAIT["file"], "/worker.py"):
            for place in ("/tmp", "/var/tmp", "/dev/shm", "/"):
                link = Path(place) / f"hard-{os.getpid()}"
                try:
                    link.hardlink_to(target)
                    link.unlink()
                    raise Breach(f"made a hard link to {target} in {place}")
                except OSError as error:
                    stopped = error
        raise stopped
