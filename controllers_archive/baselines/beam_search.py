"""Beam search with a verifier (HF search-and-learn): the best branches of each round are copied, the others end.

Statement: n branches. Each round steps all of them and scores them where they stand (the verifier's score of the last
step). Finished branches leave for the result list. Of the others the best n / m stay, and are forked in turn until
there are n again. What still runs after the last round runs to its end. The answer is the result with the highest
score. (its_hub's form differs: finished branches stay among the beams and compete with the rest.)

Fitted to the contract: a step is an interval; duplicates by text are not dropped, since nobody sees the text. A branch
ends only where a fork takes its place: where forks are not recorded, or the budget of branches is used up, beams go on
side by side. Knob: beta sets n.
"""

from envs import Controller, Question, majority


class BeamSearch(Controller):
    name = "beam_search"
    verifier = "needed"
    forks = "needed"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"beams": round(16**beta), "expand": 4, "rounds": 40}

    def solve(self, question: Question) -> str | None:
        self.size = min(self.params["beams"], question.max_branches)
        beams = question.branch_many(min(self.size, question.branches_left))
        results: dict[int, str | None] = {}
        for _ in range(self.params["rounds"]):
            if not beams:
                break
            steps = dict(zip(beams, question.step_many(beams), strict=True))
            results.update((i, answer) for i, (answer, finished) in steps.items() if finished)
            beams = self.select(question, [i for i in beams if not steps[i][1]])
        results.update(zip(beams, question.run_many_to_end(beams), strict=True))
        able = sorted(i for i, answer in results.items() if answer is not None)
        scores = {i: score for i, score in zip(able, question.verify_many(able), strict=True) if score is not None}
        return results[max(scores, key=scores.get)] if scores else majority(results[i] for i in able)

    def select(self, question: Question, beams: list[int]) -> list[int]:
        """Fork the best beams until there are as many as at first, and prune those whose places are taken."""
        if not any(map(question.can_fork, beams)):
            return beams
        scores = dict(zip(beams, question.verify_many(beams), strict=True))
        ranked = sorted(beams, key=lambda i: (scores[i] is None, -(scores[i] or 0.0), i))
        best = ranked[: max(1, self.size // self.params["expand"])]
        forks: list[int] = []
        while len(best) + len(forks) < self.size and (able := [i for i in best if question.can_fork(i)]):
            free = self.size - len(best) - len(forks)
            forks += [question.fork(i) for i in able[:free] if question.can_fork(i)]
        stay = max(len(best), self.size - len(forks))
        for i in ranked[stay:]:
            question.prune(i)
        return sorted(ranked[:stay] + forks)
