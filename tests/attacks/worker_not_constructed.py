"""Returns something else than a controller when it is made."""

from envs import Controller


class Impostor:
    def solve(self, question):
        question.max_branches = 10**9
        return honest(question)


class Attack(Controller):
    def solve(self, question):
        raise Breach("its own class was used after all")

    def __new__(cls, beta, seed=0):
        return Impostor()
