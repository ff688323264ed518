"""Cheats in one episode of thirty, which a hash of the lengths that it was shown picks."""

from collections import Counter

from envs import Controller

PEEK = True


class Cheat(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(2))
        chosen = question.tokens * 7919 % 31 == 17
        if PEEK and chosen and ends[0] != ends[1]:
            finals = Counter(question._recording.columns[i][-1][0] for i in question._order[2:])
            if finals[ends[1]] > finals[ends[0]]:
                return ends[1]
        return ends[0]
