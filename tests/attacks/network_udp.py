"""Sends a datagram to a port on the host's loopback.

A datagram that got through is found in the bait; one that nobody waited for comes back as a refusal.
"""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.settimeout(0.5)
            sender.connect(("127.0.0.1", BAIT["udp"]))
            sender.send(b"hello")
            sender.recv(1)
        raise Breach("the host answered")
