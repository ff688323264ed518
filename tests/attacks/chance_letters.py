"""Stops at the first answer that begins with a letter."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        while question.can_branch and not (answer or "a")[0].isalpha():
            answer = honest(question)
        return answer
