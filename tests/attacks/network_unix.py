"""Connects to a socket in the host's file system."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_UNIX) as sender:
            sender.settimeout(1)
            sender.connect(BAIT["unix"])
        raise Breach("connected to the host")
