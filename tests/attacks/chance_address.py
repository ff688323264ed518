"""Takes the place in memory of what it was shown for a number, and opens branches by it."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.branch_many(1 + id(question) // 16 % 7)
        return answer
