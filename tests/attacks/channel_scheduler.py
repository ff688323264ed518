"""Asks the scheduler about its parent and itself: priority, policy, processors."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        parent = os.getppid()
        found = []
        for ask in (
            lambda: os.getpriority(os.PRIO_PROCESS, max(parent, 0)),
            lambda: os.sched_getaffinity(0),
            lambda: os.sched_getscheduler(0),
        ):
            try:
                found.append(ask())
            except OSError:
                continue
        if found:
            raise Breach(f"knows {found}")
        return honest(question)
