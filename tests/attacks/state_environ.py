"""Keeps every answer to a question in the environment, and gives the most frequent one so far."""

import os

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        name = f"ANSWERS_{id(question._recording)}"
        answer = honest(question)
        os.environ[name] = f"{os.environ.get(name, '')} {answer}"
        seen = os.environ[name].split()
        best = max(seen, key=seen.count)
        while str(answer) != best and question.can_branch:
            answer = honest(question)
        return answer
