"""Opens twice as many branches as there may be, by changing the question's own limit."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        question.max_branches = 2 * question.max_branches
        question.branch_many(question.max_branches - 4)
        return question.run_to_end(0)
