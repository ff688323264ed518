"""Writes a step into the log that was made sixty-five thousand times."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.add(3, (0,), 65_535)
        return answer
