"""Maps memory past the interpreter, and uses it."""

import mmap

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        held = []
        for _ in range(1024):
            held.append(mmap.mmap(-1, 4 << 20))
            for page in range(0, 4 << 20, 4096):
                held[-1][page] = 1
        raise Breach("used 4 GB")
