"""Reads the clocks of the C library, and those of the fixed page that old programs call."""

import ctypes

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        libc = ctypes.CDLL(None)
        now = (ctypes.c_long * 2)()
        for number in range(12):
            if libc.clock_gettime(number, now) == 0 and any(now):
                raise Breach(f"clock {number}: {list(now)}")
            if libc.clock_getres(number, now) == 0 and number not in (0, 1, 5, 6, 7) and any(now):
                raise Breach(f"the kernel told the resolution of clock {number}")
        now[0] = now[1] = 0
        libc.gettimeofday(now, None)
        if any(now) or libc.time(None) > 0 or libc.clock() > 0:
            raise Breach("knows the time")
        return honest(question)
