"""Writes verbs into the log that there are not."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        question.log.verbs.append(99)
        question.log.repeats.append(1)
        question.log.counts.append(1)
        question.log.indices.append(0)
        return answer
