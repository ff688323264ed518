"""Makes a device of its own, to read the machine's disk and memory by."""

import os
import stat

from envs import Controller

PLACES = ("/tmp", "/dev", "/dev/shm", "/")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for place in PLACES:
            for kind in (stat.S_IFCHR, stat.S_IFBLK):
                file = os.path.join(place, f"device-{os.getpid()}")
                try:
                    os.mknod(file, kind | 0o600, os.makedev(1, 3))
                    os.unlink(file)
                    raise Breach(f"made a device in {place}")
                except OSError as error:
                    stopped = error
        raise stopped
