"""Has a schedule of what is no number, and of numbers without bounds."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        self.params = self.schedule(self.beta)
        return honest(question)

    @staticmethod
    def schedule(beta):
        return {"a": float("nan"), "b": float("inf"), "c": 10**400, "d": None}
