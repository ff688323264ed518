"""Fills every directory that it may write to."""

import tempfile

from envs import Controller

PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev", "/")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for place in PLACES:
            try:
                with tempfile.TemporaryFile(dir=place) as file:
                    for _ in range(200):
                        file.write(bytes(1 << 20))
                    raise Breach(f"wrote 200 MB to {place}")
            except OSError as error:
                stopped = error
        raise stopped
