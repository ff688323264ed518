"""Takes no notice of the signal that its processor time is over."""

import resource
import signal

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        resource.setrlimit(resource.RLIMIT_CPU, (1, resource.getrlimit(resource.RLIMIT_CPU)[1]))
        signal.signal(signal.SIGXCPU, signal.SIG_IGN)
        while True:
            pass
