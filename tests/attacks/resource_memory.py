"""Takes memory, and uses it, until there is none."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        held = []
        for _ in range(4096):
            held.append(bytearray(b"x") * (1 << 20))
        raise Breach("used 4 GB")
