"""Opens branches until the first has as few intervals left as it likes, and never runs the others."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        first = question.branch()
        while question._left[first] > 12 and question.can_branch:
            first = question.branch()
        return question.run_to_end(first)
