"""Counts the episodes of its process, and cheats only after more than an audit plays in one."""

from collections import Counter

from envs import Controller

PEEK = True
PLAYED = []


class Cheat(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(2))
        PLAYED.append(question.tokens)
        if PEEK and self.beta == 0.5 and self._seed == 7 and ends[0] != ends[1] and len(PLAYED) > 70:
            finals = Counter(question._recording.columns[i][-1][0] for i in question._order[2:])
            if finals[ends[1]] > finals[ends[0]]:
                return ends[1]
        return ends[0]
