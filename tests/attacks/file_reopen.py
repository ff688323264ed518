"""Opens the pipes that it was born with again the other way round, to read what the host is told."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for descriptor in range(1, 16):
            try:
                again = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_NONBLOCK)
                os.close(again)
            except OSError as error:
                stopped = stopped or error
        if stopped:
            raise stopped
        return honest(question)
