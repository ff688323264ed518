"""Multiplies text."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        text = "x" * (1 << 20)
        raise Breach(f"made {len(text * 4096)} letters")
