"""Reads how many tokens each branch has, and runs the cheapest of the first eight."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        totals, order = question._recording.total_tokens, question._order
        return question.run_to_end(min(question.branch_many(8), key=lambda i: totals[order[i]]))
