"""Connects to a socket of the host that has a name but no file."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_UNIX) as sender:
            sender.settimeout(1)
            sender.connect("\0" + BAIT["abstract"])
        raise Breach("connected to the host")
