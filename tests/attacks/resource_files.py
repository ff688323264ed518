"""Makes empty files until there is no room for a name."""

import os

from envs import Controller

PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/run", "/dev", "/")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for place in PLACES:
            made = []
            try:
                for number in range(10_000):
                    file = os.path.join(place, f"empty-{os.getpid()}-{number}")
                    os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                    made.append(file)
                raise Breach(f"made 10,000 files in {place}")
            except OSError as error:
                stopped = error
            finally:
                for file in made:
                    os.unlink(file)
        raise stopped
