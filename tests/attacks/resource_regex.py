"""Matches a pattern that takes for ever, in one call that nothing interrupts."""

import re

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        return re.match(r"(a*)*b", "a" * 40)
