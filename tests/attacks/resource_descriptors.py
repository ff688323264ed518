"""Opens files until the table is full."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        held = [os.open("/dev/null", os.O_RDONLY) for _ in range(5000)]
        raise Breach(f"opened {len(held)} files")
