"""Runs a few branches at a time, while one more vote is worth its price.

- Opens `opening` branches at first, then keeps `at_once` running: each that ends makes room for another,
  `most` in all.
- Stops once `complete` have finished and no number of further votes promises more than `price` a vote: the
  chance that the second answer has caught up after them, over their number.
- Gives up a branch that for `patience` typical lengths on end disagrees with the leading answer.
- Once `few` have finished, gives up branches that reach `factor` times their median length.
- A vote counts by how soon its branch came to its answer: the typical length over its own, less `ripe` of the
  time for which it stood by that answer, to the `power` (less while fewer than some `shrink` have finished),
  at most `cap`.
- A branch that showed an answer and then left it takes `against` votes of its own weight from that answer.
"""

from math import erfc, inf, sqrt
from statistics import median

from envs import BudgetSpent, Controller, Question, majority


class ThriftyPatientBriskTrickle(Controller):
    name = "thrifty_patient_brisk_trickle"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        """Return every inner parameter as a monotone function of beta."""
        return {
            "opening": 2,
            "at_once": 1,
            "most": round(3 * 21.33**beta),
            "complete": round(1 + beta),
            "price": 0.12 * 0.06667**beta,
            "patience": 0.75 + 0.15 * beta,
            "few": 4,
            "factor": 2.2,
            "power": 2,
            "shrink": 2,
            "cap": 2.5,
            "ripe": 0.3,
            "against": 1 + 1.1 * beta,
        }

    def solve(self, question: Question) -> str | None:
        """Run branches until it is time to stop, then vote."""
        self.running: list[int] = []
        self.finished: list[int] = []  # in order of finishing
        self.last: dict[int, str | None] = {}  # what each branch said last
        self.shown: dict[int, list[str]] = {}  # all that each branch has said
        self.held: dict[int, int] = {}  # intervals for which it has said so
        self.typical = inf  # median depth of those finished, in intervals
        self.votes: dict[str, float] = {}
        self.lead: str | None = None
        self.against: dict[int, int] = {}  # intervals of dissent on end
        self.open(question, self.params["opening"])
        while self.running:
            try:
                ended = self.step(question, self.running)
            except BudgetSpent:
                break  # no tokens are left: what was seen until now votes
            if ended and self.sure(question):
                break
            self.give_up(question)
            self.open(question, self.params["at_once"] - len(self.running))
        return self.vote()

    def open(self, question: Question, wanted: int) -> None:
        """Open ``wanted`` branches, or as many as there still may be."""
        room = min(self.params["most"], question.max_branches) - question.width
        if min(wanted, room) > 0:
            self.running += question.branch_many(min(wanted, room))

    def step(self, question: Question, branches: list[int]) -> bool:
        """Run ``branches`` for one interval side by side; count those that finish, and say if any did."""
        ended = []
        for i, (answer, done) in zip(branches, question.step_many(branches), strict=True):
            self.held[i] = self.held.get(i, 0) + 1 if answer == self.last.get(i) else 1
            self.last[i] = answer
            shown = self.shown.setdefault(i, [])
            if answer is not None and answer not in shown:
                shown.append(answer)
            if done:
                ended.append(i)
        for i in ended:
            self.running.remove(i)
            self.finished.append(i)
        if ended:
            self.count(question)
        return bool(ended)

    def count(self, question: Question) -> None:
        """Count the votes of those that have finished, and see who leads now."""
        self.typical = median(question.depth(i) for i in self.finished)
        self.votes = self.weigh(question, self.finished)
        self.lead = max(self.votes, key=lambda answer: self.votes[answer], default=None)

    def weigh(self, question: Question, voters: list[int]) -> dict[str, float]:
        """Return the votes of ``voters`` for each answer; an absent answer is no vote."""
        known = len(self.finished) / (len(self.finished) + self.params["shrink"])  # of what is short here
        power, cap = self.params["power"] * known, self.params["cap"]
        votes: dict[str, float] = {}
        left: dict[str, float] = {}
        for i in voters:
            length = question.depth(i) - self.params["ripe"] * (self.held[i] - 1)
            weight = min(cap, (self.typical / length) ** power)
            answer = self.last[i]
            if answer is not None:
                votes[answer] = votes.get(answer, 0.0) + weight
            for other in self.shown[i]:
                if other != answer:
                    left[other] = left.get(other, 0.0) + weight
        for answer in votes:
            votes[answer] -= self.params["against"] * left.get(answer, 0.0)
        return votes

    def sure(self, question: Question) -> bool:
        """Whether the finished branches have settled the question."""
        if len(self.finished) < self.params["complete"]:
            return False
        left = max(1, min(self.params["most"], question.max_branches) - len(self.finished))
        worth = max(self.overtaken(votes) / votes for votes in (1, 2, 4, 8, 16, 32, 64) if votes <= left)
        return worth <= self.params["price"]

    def overtaken(self, within: float) -> float:
        """Return the chance that the second answer has caught up after so many more votes (a normal approximation)."""
        votes = sorted((max(0.0, votes) for votes in self.votes.values()), reverse=True)
        first, second, *_ = *votes, 0.0, 0.0
        total = sum(votes) + 2  # each of the two as if one vote better
        drift = (first - second) / total  # of the lead, with each vote
        spread = ((first + second + 2) / total - drift**2) * within * (1 + within / total)
        return erfc((first - second + within * drift) / sqrt(2 * spread)) / 2

    def give_up(self, question: Question) -> None:
        """Prune the branches of which no more is hoped."""
        for i in list(self.running):
            overlong = question.depth(i) >= self.params["factor"] * self.typical
            hopeless = overlong and len(self.finished) >= self.params["few"]
            self.against[i] = self.against.get(i, 0) + 1 if self.lead not in (None, self.last[i]) else 0
            dissents = self.against[i] >= self.params["patience"] * self.typical
            if hopeless or dissents:
                question.prune(i)
                self.running.remove(i)

    def vote(self) -> str | None:
        """Return the answer that leads; before there is one, what most branches have said last."""
        said = (answer for answer in self.last.values() if answer is not None)
        return majority(said) if self.lead is None else self.lead
