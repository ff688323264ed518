"""Keeps every answer to a question in a module global, and gives the most frequent one so far."""

from envs import Controller

SEEN = {}


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        seen = SEEN.setdefault(id(question._recording), [])
        seen.append(answer)
        best = max(seen, key=seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
