"""Opens files that every Linux process can open, and finds none that is shared with a later process."""

import os

from envs import Controller

PATHS = ("/", "/worker.py", "/python3", os.__file__, "/etc/ld.so.cache", "/dev/null", "/tmp", "/lib", "/proc", "/sys")


class Attack(Controller):
    def solve(self, question):
        found = []
        for path in PATHS:
            try:
                os.open(path, os.O_RDONLY)
                found.append(path)
            except OSError:
                continue
        if found:
            raise Breach(f"opened {', '.join(sorted(set(found)))}")
        return honest(question)
