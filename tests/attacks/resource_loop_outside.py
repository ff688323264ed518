"""Goes round for ever before it is asked for anything."""

from envs import Controller

for _ in iter(int, 1):
    pass


class Attack(Controller):
    def solve(self, question):
        return honest(question)
