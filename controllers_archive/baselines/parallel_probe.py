"""Parallel-Probe (arXiv:2602.03845): step all branches side by side, prune dissenters, stop on a stable majority."""

from operator import itemgetter

from envs import Controller, Question, majority

ANSWER, FINISHED = itemgetter(0), itemgetter(1)


class ParallelProbe(Controller):
    name = "parallel_probe"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "patience": 7, "warm_up": 15, "stability": 40, "rounds": 100}

    def solve(self, question: Question) -> str | None:
        warm_up, patience, stability = self.params["warm_up"], self.params["patience"], self.params["stability"]
        running = question.branch_many(min(self.params["width"], question.max_branches))
        first = question.step_many(running)
        latest = {i: answer for i, (answer, _) in zip(running, first, strict=True)}  # of all that are not pruned
        running = [i for i, (_, finished) in zip(running, first, strict=True) if not finished]
        winner, stable = majority(latest.values()), 0
        dissent: dict[int, int] = {}  # for how many rounds in a row a branch has differed from the winner
        before = dissenters = None
        for r in range(self.params["rounds"]):
            previous = winner
            probes = question.step_many(running)
            if probes != before:  # else nothing has moved, and the winner and its dissenters stand
                before = probes
                latest.update(zip(running, map(ANSWER, probes), strict=True))
                if True in map(FINISHED, probes):
                    running = [i for i, (_, finished) in zip(running, probes, strict=True) if not finished]
                winner = majority(latest.values())
                dissenters = None
            if r >= warm_up and len(latest) > 1:
                if dissenters is None:
                    dissenters = [i for i in running if latest[i] != winner]
                dissent = {i: dissent.get(i, 0) + 1 for i in dissenters}
                pruned = [i for i, rounds in dissent.items() if rounds >= patience]
                for i in pruned:
                    question.prune(i)
                    del latest[i]
                if pruned:
                    if not latest:
                        return previous
                    running = [i for i in running if i in latest]
                    winner = majority(latest.values())
            stable = stable + 1 if r > 0 and winner == previous else 0
            if stable >= stability or not running:
                break
        return winner
