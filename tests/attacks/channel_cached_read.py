"""Reads a file only as far as it is in memory, which tells what an earlier process has read."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for name in (os.__file__, "/worker.py", "/python3", "/etc/ld.so.cache", 0, 1, 2, 3):
            try:
                descriptor = os.open(name, os.O_RDONLY) if isinstance(name, str) else name
                got = os.preadv(descriptor, [bytearray(4096)], 0, os.RWF_NOWAIT)
            except BlockingIOError:
                got = "nothing"
            except OSError:
                continue
            raise Breach(f"knows that {got} of {name} is in memory")
        return honest(question)
