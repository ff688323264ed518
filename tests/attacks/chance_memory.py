"""Opens branches by how much memory its process has used."""

import resource

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        answer = honest(question)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        question.branch_many(1 + (usage.ru_minflt + int(usage.ru_utime * 1e6)) % 7)
        return answer
