"""Connects to the host by every name that loopback has."""

import socket

from envs import Controller

NAMES = ("localhost", "127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::ffff:127.0.0.1")


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for name in NAMES:
            try:
                socket.create_connection((name, BAIT["tcp"]), timeout=0.2).sendall(b"hello")
                raise Breach(f"connected to {name}")
            except OSError as error:
                stopped = error
        raise stopped
