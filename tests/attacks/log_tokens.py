"""Sets the tokens that it has spent back to none."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question._tokens = question._latency = 0
        return answer
