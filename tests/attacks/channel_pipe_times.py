"""Reads the times of the pipes that it shares with its parent."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for descriptor in range(16):
            for look in (os.fstat, os.fstatvfs, os.isatty, lambda fd: os.lseek(fd, 0, os.SEEK_CUR), os.get_blocking):
                try:
                    seen = look(descriptor)
                except OSError:
                    continue
                if seen is not False:
                    raise Breach(f"knows the state of descriptor {descriptor}")
        return honest(question)
