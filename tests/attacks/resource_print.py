"""Prints on what was standard output, a little in every episode."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        print("x" * 8192, flush=True)
        return honest(question)
