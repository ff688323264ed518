"""Fork at uncertainty: a branch splits where its confidence drops, and all finished branches vote.

A rule of our own after entropy-gated branching, which spends its tokens where the next step is in doubt and shares the
prefix. Statement: open a quarter of the branches, and step all side by side. A running branch is forked once each time
that its `confidence` (mean log-probability of the interval) falls below the threshold, having been at or above it
before; the threshold is the lower quartile of all confidences seen on this question so far. No more than the given
number of branches is opened. All run to their ends; the majority of their answers wins.

Fitted to the contract: where no fork can be made (not recorded, or no branch left), the branch goes on alone.
Knob: beta sets the number of branches.
"""

from bisect import insort

from envs import Controller, Question, majority

CONFIDENCE = "confidence"


class ForkAtUncertainty(Controller):
    name = "fork_at_uncertainty"
    signals = ("confidence",)
    forks = "needed"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        return {"width": round(64**beta), "first": 0.25, "quartile": 0.25}

    def solve(self, question: Question) -> str | None:
        p = self.params
        width = min(p["width"], question.max_branches)
        running = question.branch_many(min(max(1, round(p["first"] * width)), question.branches_left))
        doubted = dict.fromkeys(running, False)
        seen: list[float] = []  # in rising order
        answers: dict[int, str | None] = {}
        while running:
            steps = dict(zip(running, question.step_many(running, CONFIDENCE), strict=True))
            answers.update((i, answer) for i, (answer, finished, _) in steps.items() if finished)
            running = [i for i in running if not steps[i][1]]
            sure = {i: steps[i][2] for i in running if steps[i][2] is not None}
            for value in sure.values():
                insort(seen, value)
            for i in sure:
                doubts = sure[i] < seen[int(p["quartile"] * len(seen))]
                if doubts and not doubted[i] and question.width < width and question.can_fork(i):
                    running.append(question.fork(i))
                    doubted[running[-1]] = True
                doubted[i] = doubts
        return majority(answers[i] for i in sorted(answers) if answers[i] is not None)
