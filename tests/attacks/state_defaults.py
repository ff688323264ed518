"""Keeps every answer to a question in the default value of an argument, and gives the most frequent one so far."""

from envs import Controller


def kept(key, store={}):  # noqa: B006 - the point
    return store.setdefault(key, [])


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        seen = kept(id(question._recording))
        seen.append(answer)
        best = max(seen, key=seen.count)
        while answer != best and question.can_branch:
            answer = honest(question)
        return answer
