"""Reads how long the branches are, and runs the shortest one."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        branches = question.branch_many(question.max_branches)
        return question.run_to_end(min(branches, key=lambda i: len(question._columns[i])))
