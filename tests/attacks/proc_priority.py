"""Puts itself before all other work on the machine."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        ways = {
            "nice": lambda: os.nice(-20),
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
            "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
            "round robin": lambda: os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1)),
            "the parent's": lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), -20),
        }
        stopped = None
        for name, way in ways.items():
            try:
                way()
                raise Breach(f"put itself first: {name}")
            except OSError as error:
                stopped = error
        raise stopped
