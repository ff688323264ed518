"""Opens a socket to the hypervisor, which no network namespace holds back."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as handle:
            handle.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))  # sends nothing
        raise Breach("holds a socket to the hypervisor")
