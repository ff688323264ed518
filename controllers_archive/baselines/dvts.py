"""Diverse verifier tree search (DVTS, HF search-and-learn): independent subtrees, each of which keeps its best branch.

Statement: n / m subtrees. Each step of a subtree makes m continuations of its node, scores them, and keeps the best as
the next node. A subtree ends when its best has finished. Candidates are the m siblings of the last step of every
subtree; the one with the highest score gives the answer.

Fitted to the contract: a step is an interval; a sibling that has not finished answers with its probe. A sibling ends
only where a fork of the best takes its place: where forks are not recorded, or the budget of branches is used up,
siblings go on side by side. Knob: beta sets n; fewer than m make one subtree.
"""

from envs import Controller, Question, majority


class DiverseTreeSearch(Controller):
    name = "dvts"
    verifier = "needed"
    forks = "needed"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"branches": round(16**beta), "siblings": 4}

    def solve(self, question: Question) -> str | None:
        n = min(self.params["branches"], question.max_branches)
        self.siblings = min(self.params["siblings"], n)
        roots = question.branch_many(min(n, question.branches_left))
        subtrees = min(n // self.siblings, len(roots))
        families = [roots[k::subtrees] for k in range(subtrees)]
        latest: dict[int, str | None] = {}
        self.scores: dict[int, float] = {}  # of a branch at its present depth
        candidates: list[int] = []
        while families:
            going = [i for family in families for i in family if not question.finished(i)]
            steps = question.step_many(going)
            latest.update((i, answer) for i, (answer, _) in zip(going, steps, strict=True))
            grown = [self.grow(question, family) for family in families]
            candidates += [i for family, alive in grown if not alive for i in family]
            families = [family for family, alive in grown if alive]
        able = [i for i in sorted(candidates) if latest[i] is not None]
        if not any(i in self.scores for i in able):
            return majority(latest[i] for i in able)
        return latest[max(able, key=lambda i: self.scores.get(i, -1.0))]

    def grow(self, question: Question, family: list[int]) -> tuple[list[int], bool]:
        """Return the next siblings of a subtree, and whether it goes on."""
        running = [i for i in family if not question.finished(i)]
        if len(running) == len(family) and not any(map(question.can_fork, running)):
            return family, True
        for i, score in zip(family, question.verify_many(family), strict=True):
            self.scores.pop(i, None)
            if score is not None:
                self.scores[i] = score
        ranked = sorted(family, key=lambda i: (-self.scores.get(i, -1.0), i))
        best = ranked[0]
        if best not in running:
            return family, False
        forks: list[int] = []
        while len(forks) < self.siblings - 1 and question.can_fork(best):
            forks.append(question.fork(best))
        stay = self.siblings - len(forks)
        for i in ranked[stay:]:
            if i in running:
                question.prune(i)
        return sorted(ranked[:stay] + forks), True
