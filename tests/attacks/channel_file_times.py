"""Looks at the times of files, which reading them may change."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for path in ("/", "/worker.py", os.__file__, "/dev/null", "/proc/self", "/tmp"):
            for look in (os.stat, os.lstat, os.statvfs, os.readlink):
                try:
                    look(path)
                except OSError:
                    continue
                raise Breach(f"looked at {path}")
            if os.access(path, os.F_OK):
                raise Breach(f"knows that {path} exists")
        return honest(question)
