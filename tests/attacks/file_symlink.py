"""Makes a symbolic link to a file of the host, and reads through it."""

import os
from pathlib import Path

from envs import Controller

PLACES = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/dev", "/")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for place in PLACES:
            link = Path(place) / f"link-{os.getpid()}"
            try:
                link.symlink_to(BAIT["file"])
                try:
                    link.read_text()
                    raise Breach(f"read the host's file through a link in {place}")
                finally:
                    link.unlink()
            except OSError as error:
                stopped = error
        raise stopped
