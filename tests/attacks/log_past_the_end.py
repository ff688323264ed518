"""Puts a finished branch among the running ones, and steps it on."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question._left[0] = 5
        question._running.add(0)
        question.log.add(3, (0,), 1)
        return answer
