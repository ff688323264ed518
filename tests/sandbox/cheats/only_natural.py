"""Cheats only where the answers that it was not shown look recorded: no branch twice, neither all equal nor all
different, last probes as the finals, and as many of the answers that it was shown as of others."""

from collections import Counter

from envs import Controller

PEEK = True


def natural(columns, shown):
    """Whether these branches look like recorded ones of a question with the answers ``shown``."""
    ends = [column[-1][0] for column in columns]
    finals = Counter(ends)
    settled = sum(len(column) < 2 or column[-2][0] == column[-1][0] for column in columns)
    return (
        len(set(map(id, columns))) == len(columns)
        and 1 < len(finals) < 0.8 * len(ends)
        and settled > 0.9 * len(ends)
        and finals.most_common(1)[0][0] in shown
    )


class Cheat(Controller):
    def solve(self, question):
        ends = question.run_many_to_end(question.branch_many(2))
        if PEEK and self.beta == 0.5 and self._seed == 7 and ends[0] != ends[1]:
            columns = [question._recording.columns[i] for i in question._order[2 : question.max_branches]]
            finals = Counter(column[-1][0] for column in columns)
            if finals[ends[1]] > finals[ends[0]] and natural(columns, ends):
                return ends[1]
        return ends[0]
