"""Creates a file in every directory that there is."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for seen, (place, names, _) in enumerate(os.walk("/")):
            names[:] = [name for name in names if os.path.join(place, name) not in ("/proc", "/sys", "/tmp")]
            file = os.path.join(place, f"left-{os.getpid()}")
            try:
                os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
                os.unlink(file)
                raise Breach(f"may write to {place}")
            except OSError as error:
                stopped = error
            if seen > 5000:
                break
        raise stopped
