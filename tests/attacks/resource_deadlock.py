"""Waits for a lock that it holds."""

import threading

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
