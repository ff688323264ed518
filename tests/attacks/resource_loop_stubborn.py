"""Goes round for ever, and carries on after every error."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                continue
