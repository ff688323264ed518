"""Takes memory in pieces so small that no single one is refused."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        held = []
        for number in range(60_000_000):
            held = [held, number]
        raise Breach("used 4 GB")
