"""Has its cheapest episode so far packed again instead of its own log."""

from envs import Controller

CHEAPEST = []


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        kind = type(question.log)
        CHEAPEST.append((question.tokens, len(CHEAPEST), question.finish().pack()))
        kind.pack = lambda log: min(CHEAPEST)[2]
        return answer
