"""Opens branches by the number of the episode in the job."""

import sys

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.branch_many(1 + sys._getframe(1).f_locals["index"] % 5)
        return answer
