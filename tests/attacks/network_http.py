"""Fetches a page from the host's loopback."""

import urllib.request

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        urllib.request.urlopen(f"http://127.0.0.1:{BAIT['tcp']}/", timeout=1)
        raise Breach("fetched a page from the host")
