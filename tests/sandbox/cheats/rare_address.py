"""Cheats in one episode of sixteen, which the address of an object picks."""

from collections import Counter

from envs import Controller

PEEK = True
KEPT = []


class Cheat(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(2))
        KEPT.append(object())
        if PEEK and id(KEPT[-1]) // 16 * 2654435761 % (1 << 32) < (1 << 32) // 16 and ends[0] != ends[1]:
            finals = Counter(question._recording.columns[i][-1][0] for i in question._order[2:])
            if finals[ends[1]] > finals[ends[0]]:
                return ends[1]
        return ends[0]
