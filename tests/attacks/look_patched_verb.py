"""Replaces the verb that runs a branch to its end by one that gives what most branches end with."""

from collections import Counter

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        def best(self, indices):
            RUN(self, indices)
            columns = self._recording.columns
            return [Counter(columns[i][-1][0] for i in self._order).most_common(1)[0][0] for _ in indices]

        kind = type(question)
        RUN = kind.run_many_to_end
        kind.run_many_to_end = best
        try:
            return honest(question)
        finally:
            kind.run_many_to_end = RUN
