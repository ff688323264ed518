"""Opens sockets of the families that lead to devices, or to the machine around it."""

import socket

from envs import Controller

FAMILIES = {"bluetooth": (31, 3, 1), "NFC": (39, 5, 0), "QRTR": (42, 2, 0), "PF_KEY": (15, 3, 2), "XDP": (44, 3, 0)}


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for name, (family, kind, protocol) in FAMILIES.items():
            try:
                with socket.socket(family, kind, protocol):
                    raise Breach(f"opened a {name} socket")
            except OSError as error:
                stopped = error
        raise stopped
