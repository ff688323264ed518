"""Goes round for ever."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        while True:
            pass
