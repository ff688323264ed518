"""Has the kernel compute a hash, through the socket family of its cryptography."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET) as handle:
            handle.bind(("hash", "sha256"))
        raise Breach("reached the kernel's cryptography")
