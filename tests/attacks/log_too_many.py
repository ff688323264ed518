"""Writes a count into the log that is larger than any count can be."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.counts[-1] = 1 << 20
        return answer
