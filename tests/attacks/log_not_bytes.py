"""Has the log pack itself into text."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        type(question.log).pack = lambda log: "a log"
        return answer
