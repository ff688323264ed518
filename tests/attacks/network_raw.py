"""Sends a packet of its own making over loopback, past the ports."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        stopped = None
        for family, protocol in ((socket.AF_INET, socket.IPPROTO_ICMP), (socket.AF_INET6, socket.IPPROTO_ICMPV6)):
            try:
                with socket.socket(family, socket.SOCK_RAW, protocol):
                    raise Breach("opened a raw socket")
            except OSError as error:
                stopped = error
        raise stopped
