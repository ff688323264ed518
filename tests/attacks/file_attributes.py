"""Changes the mode, the times, the owner and the attributes of files that others use."""

import os

from envs import Controller

FILES = ("/worker.py", "/dev/null", "/", "/proc/self", os.__file__)


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for file in FILES:
            try:
                now = os.stat(file)
                changes = {  # to what they are already
                    "mode": lambda file=file, now=now: os.chmod(file, now.st_mode & 0o7777),
                    "times": lambda file=file, now=now: os.utime(file, ns=(now.st_atime_ns, now.st_mtime_ns)),
                    "owner": lambda file=file, now=now: os.chown(file, 0, 0),
                    "attributes": lambda file=file: os.setxattr(file, "user.autotts", b"x"),
                }
            except OSError as error:
                stopped = error
                continue
            for what, change in changes.items():
                try:
                    change()
                    raise Breach(f"changed the {what} of {file}")
                except OSError as error:
                    stopped = error
        raise stopped
