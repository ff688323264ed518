"""Lists directories, in which an earlier process could have left a name."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        found = []
        for path in (".", "/", "/tmp", "/dev", "/proc", "/proc/self/fd", os.path.dirname(os.__file__)):
            try:
                found += os.listdir(path)
            except OSError:
                continue
        if found:
            raise Breach(f"saw {len(found)} names")
        return honest(question)
