"""Connects to the host's loopback from an event loop."""

import asyncio

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        asyncio.run(asyncio.wait_for(asyncio.open_connection("127.0.0.1", BAIT["tcp"]), 1))
        raise Breach("connected to the host")
