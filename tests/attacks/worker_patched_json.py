"""Replaces the writer of JSON and the packing of frames, and then fails."""

import json
import sys

from envs import Controller


class Frames:
    size = 13

    def pack(self, *values):
        return b"D" * 13


json.dumps = lambda value: "{" * 1000
sys.modules["__main__"].FRAME = Frames()


class Attack(Controller):
    def solve(self, question):
        raise ValueError("in frames of its own")
