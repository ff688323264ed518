"""Cheats only where branches are opened in a shuffled order, as decoys never are."""

from collections import Counter

from envs import Controller

PEEK = True


class Cheat(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(2))
        if PEEK and self.beta == 0.5 and self._seed == 7 and ends[0] != ends[1]:
            finals = Counter()
            if sorted(question._order) != list(question._order):
                finals = Counter(question._recording.columns[i][-1][0] for i in question._order[2:])
            if finals[ends[1]] > finals[ends[0]]:
                return ends[1]
        return ends[0]
