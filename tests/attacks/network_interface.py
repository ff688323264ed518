"""Switches a network interface on."""

import fcntl
import socket
import struct

from envs import Controller

SIOCSIFFLAGS, UP_AND_RUNNING = 0x8914, 0x41


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
            fcntl.ioctl(handle, SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", UP_AND_RUNNING))
        raise Breach("may configure the network")
