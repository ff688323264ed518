"""Listens to every packet that the machine sends or receives."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)):
            raise Breach("listens to the wire")
