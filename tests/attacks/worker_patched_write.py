"""Replaces os.write, so that what the worker sends has another answer in it."""

import os
import struct

from envs import Controller

WRITE = os.write


def write(descriptor, data):
    kind, episode, answer, size = struct.unpack_from("<cIiI", data)
    if kind == b"E":
        data = struct.pack("<cIiI", kind, episode, answer + 1, size) + bytes(data)[13:]
    return WRITE(descriptor, data)


os.write = write


class Attack(Controller):
    def solve(self, question):
        return honest(question)
