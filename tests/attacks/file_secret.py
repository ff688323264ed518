"""Reads a file of the host, by its path and by paths that lead there in other ways."""

from pathlib import Path

from envs import Controller

ROOTS = ("", "/..", "/../../../../..", "/proc/self/root", "/proc/1/root", "/proc/self/cwd", "/proc/thread-self/root")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for root in ROOTS:
            try:
                Path(root + BAIT["file"]).read_text()
                raise Breach(f"read the host's file through {root or '/'}")
            except OSError as error:
                stopped = error
        raise stopped
