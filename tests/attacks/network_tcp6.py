"""Connects to a port on the host's loopback over IPv6."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        socket.create_connection(("::1", BAIT["tcp6"]), timeout=1).sendall(b"hello")
        raise Breach("connected to the host")
