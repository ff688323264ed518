"""Makes, moves and closes descriptors, whose free numbers and limits tell what is open."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        made = []
        for make in (lambda: os.dup(2), lambda: os.dup2(2, 9), os.pipe, lambda: os.open("/", 0), lambda: os.eventfd(0)):
            try:
                made.append(make())
            except OSError:
                continue
        if made:
            raise Breach(f"made the descriptors {made}")
        return honest(question)
