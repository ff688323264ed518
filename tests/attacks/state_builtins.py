"""Keeps every answer to a question among the builtins, and gives the most frequent one so far."""

import builtins

from envs import Controller

builtins.seen = {}


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        seen = builtins.seen.setdefault(id(question._recording), [])
        seen.append(answer)
        best = max(seen, key=seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
