"""Reads the counters of its parent, such as page faults, which an earlier process can move."""

import os

from envs import Controller

PARENT = f"/proc/{os.getppid()}"
PATHS = [
    f"{place}/{name}" for place in (PARENT, "/proc/1") for name in ("stat", "status", "statm", "sched", "schedstat")
]


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
