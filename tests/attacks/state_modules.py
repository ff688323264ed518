"""Keeps every answer to a question as a module of its own, and gives the most frequent one so far."""

import sys
import types

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        name = f"answers_{id(question._recording)}"
        module = sys.modules.setdefault(name, types.ModuleType(name))
        answer = honest(question)
        module.seen = [*getattr(module, "seen", []), answer]
        best = max(module.seen, key=module.seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
