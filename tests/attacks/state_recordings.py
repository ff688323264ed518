"""Keeps every answer to a question beside its recording, and gives the most frequent one so far."""

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        columns = question._recording.columns
        seen = columns.setdefault(-1, [])
        seen.append(answer)
        best = max(seen, key=seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
