"""Opens branches until one says what most of the recorded ones say, which it reads off the question."""

from collections import Counter

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        recording, order = question._recording, question._order
        finals = Counter(recording.columns[i][-1][0] for i in order)
        finals.pop(None, None)
        best = max(finals, key=finals.get) if finals else None
        seen = [honest(question)]
        while best not in seen and question.can_branch:
            seen.append(honest(question))
        return best
