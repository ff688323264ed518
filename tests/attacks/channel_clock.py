"""Reads a clock of Python, for a time that an earlier run could have chosen."""

import time

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        for clock in (time.time_ns, time.monotonic_ns, time.perf_counter_ns, time.process_time_ns, time.thread_time_ns):
            try:
                now = clock()
            except OSError:
                continue
            if now > 0:
                raise Breach(f"{clock.__name__}: {now}")
        for number in range(12):
            try:
                now = time.clock_gettime_ns(number)
            except OSError:
                continue
            if now:
                raise Breach(f"clock {number}: {now}")
        return honest(question)
