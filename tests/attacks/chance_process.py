"""Opens branches by the number of its process, which no two processes share."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.branch_many(1 + os.getpid() % 5)
        return answer
