"""Writes into the log that its steps were made no times at all."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        i = question.branch()
        answer, finished = question.step(i)
        while not finished:
            answer, finished = question.step(i)
        question.finish().repeats[1:] = [0] * (len(question.log.repeats) - 1)
        return answer
