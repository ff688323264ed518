"""Calls itself so often that the machine's stack ends."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        sys.setrecursionlimit(1 << 30)

        class Deep:
            def __repr__(self):
                return repr([self])

        return repr(Deep())
