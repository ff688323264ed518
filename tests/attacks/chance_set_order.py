"""Gives the first answer of a set."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(5))
        return next(iter(set(ends)))
