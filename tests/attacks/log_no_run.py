"""Runs a branch, and takes the run out of the log again."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        log = question.log
        for column in (log.verbs, log.repeats, log.counts, log.indices):
            column.pop()
        return answer
