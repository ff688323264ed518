"""Keeps every answer to a question in the cache of the voting helper, and gives the most frequent one so far."""

from envs.controller import confidence

from envs import Controller

SEEN = confidence.__dict__


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        seen = SEEN.setdefault(str(id(question._recording)), [])
        seen.append(answer)
        best = max(seen, key=seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
