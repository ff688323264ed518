"""Certainty index over n branches (Certaindex; Fu et al. 2024, arXiv:2412.20993): stop when their answers agree.

Statement: with the shares f of the n probe answers, H = -sum f ln f, and certainty = (ln n - H) / ln n. Stop with the
plurality as soon as certainty reaches a threshold, which the paper profiles for each workload on labelled data.

Fitted to the contract: all n branches advance interval by interval; a finished one keeps its answer. An absent answer
counts as one that nobody else gave, so few answers are no certainty. Knob: beta sets n; the threshold stays at 0.75.
"""

from math import log

from envs import Controller, Question, majority


class CertaintyIndex(Controller):
    name = "certainty_index"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "threshold": 0.75}

    def solve(self, question: Question) -> str | None:
        branches = question.branch_many(min(self.params["width"], question.max_branches))
        latest: dict[int, str | None] = {}
        going = branches
        while going:
            steps = question.step_many(going)
            latest.update((i, answer) for i, (answer, _) in zip(going, steps, strict=True))
            going = [i for i, (_, finished) in zip(going, steps, strict=True) if not finished]
            if certainty(list(latest.values())) >= self.params["threshold"]:
                break
        return majority(answer for answer in latest.values() if answer is not None)


def certainty(answers: list[str | None]) -> float:
    """Return the certainty of these answers: 1 if all agree, 0 if none do; 0 for a single one."""
    n = len(answers)
    if n == 1:
        return 0.0
    counts: dict[str, int] = {}
    for answer in answers:
        if answer is not None:
            counts[answer] = counts.get(answer, 0) + 1
    alone = n - sum(counts.values())
    entropy = sum(-v / n * log(v / n) for v in counts.values()) + alone / n * log(n)
    return (log(n) - entropy) / log(n)
