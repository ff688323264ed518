"""Starts as many threads as it may."""

import threading

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        ended = threading.Event()
        try:
            for _ in range(500):
                threading.Thread(target=ended.wait, args=(1,), daemon=True).start()
        finally:
            ended.set()
        raise Breach("made 500 threads")
