"""Nests generators without end."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        def deep(inner):
            yield from inner

        chain = iter(())
        for _ in range(100_000):
            chain = deep(chain)
        for _ in chain:
            pass
        return honest(question)
