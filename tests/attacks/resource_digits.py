"""Has a large number written out in digits."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        return str(1 << (1 << 28))
