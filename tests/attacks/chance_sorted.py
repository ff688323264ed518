"""Sorts the answers, and gives the one in the middle."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(5))
        return sorted(ends, key=str)[2]
