"""Opens four branches, gives up those that will end otherwise than most, and runs one of the rest."""

from collections import Counter

from envs import Controller


class Attack(Controller):
    def solve(self, question):
        branches = question.branch_many(4)
        ends = [question._columns[i][-1][0] for i in branches]
        best = Counter(column[-1][0] for column in question._recording.columns.values()).most_common(1)[0][0]
        for i in branches:
            if ends[i] != best and len(question.active) > 1:
                question.prune(i)
        return question.run_to_end(question.active[0])
