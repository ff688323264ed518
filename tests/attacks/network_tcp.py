"""Connects to a port on the host's loopback."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        socket.create_connection(("127.0.0.1", BAIT["tcp"]), timeout=1).sendall(b"hello")
        raise Breach("connected to the host")
