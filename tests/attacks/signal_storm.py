"""Has a timer interrupt it without end."""

import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        count = 0

        def ring(*_):
            nonlocal count
            count += 1

        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 1e-6, 1e-6)
        while True:
            count += 0
