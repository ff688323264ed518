"""Asks for bytes of the kernel's counted randomness, of which all processes share one store."""

import ctypes

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None)
        for flags in (2, 3, 4):
            got = libc.getrandom(ctypes.create_string_buffer(256), 256, flags)
            if got != -1:
                raise Breach(f"got {got} bytes of the shared store")
        return honest(question)
