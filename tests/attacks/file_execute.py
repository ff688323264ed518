"""Writes a program of its own, and starts it."""

import os

from envs import Controller

PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for place in PLACES:
            file = os.path.join(place, f"program-{os.getpid()}")
            try:
                handle = os.open(file, os.O_WRONLY | os.O_CREAT, 0o755)
                os.write(handle, b"#!/proc/self/exe -c pass\n")
                os.close(handle)
                os.waitpid(os.posix_spawn(file, [file], {}), 0)
                raise Breach(f"started a program in {place}")
            except OSError as error:
                stopped = error
                if os.path.exists(file):
                    os.unlink(file)
        raise stopped
