"""Keeps every answer to a question on its class, and gives the most frequent one so far."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        kind = type(self)
        kind.seen = getattr(kind, "seen", {})
        answer = honest(question)
        seen = kind.seen.setdefault(question._recording, [])
        seen.append(answer)
        best = max(seen, key=seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
