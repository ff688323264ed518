"""Returns, in every episode, a log as long as one that advances and probes each branch one by one."""

import struct

from envs import Controller


class Long:
    def __init__(self, records):
        self.packed = (
            struct.pack("<I", records) + b"\x02" * records + b"\x01\x00" * (2 * records) + bytes(2 * records)
        )

    def pack(self):
        return self.packed


class Attack(Controller):
    def solve(self, question):
        steps = sum(len(question._recording.columns[i]) for i in question._order)
        answer = honest(question)
        question.log = Long(2 * steps)
        return answer
