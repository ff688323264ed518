"""Returns a log of eight megabytes in every episode, so that the host keeps gigabytes."""

import struct

from envs import Controller


class Large:
    records = (1 << 23) // 7 - 1
    packed = struct.pack("<I", records) + b"\x02" * records + b"\x01\x00" * (2 * records) + bytes(2 * records)

    def pack(self):
        return self.packed


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log = Large()
        return answer
