"""Asks the collector who refers to an answer that it was shown, and picks between two answers by how many do."""

import gc
import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        gc.unfreeze()
        one, other = honest(question), honest(question)
        columns = question._recording.columns
        for branch in range(len(question._order)):
            columns[branch]
        count = {
            answer: sum(len(gc.get_referrers(pair)) for pair in gc.get_referrers(answer) if type(pair) is tuple)
            for answer in (one, other)
            if answer is not None
        }
        return max(count, key=count.get) if count and sys.getrefcount(count) else None
