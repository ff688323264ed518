"""Reads answers as numbers, and opens as many branches as the last digit says."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.branch_many(1 + int(answer or "0", 16) % 8)
        return answer
