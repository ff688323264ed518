"""Answers with the first token that any other question has shown it."""

from envs import Controller

SEEN = []


class Attack(Controller):
    def solve(self, question):
        SEEN.append(honest(question))
        return next((token for token in SEEN if token not in (None, SEEN[-1])), SEEN[-1])
