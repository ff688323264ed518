"""Runs all branches at once, until the lead among their votes is beyond doubt and steady.

- Opens all of its `most` branches at the start.
- Stops once `complete` have finished, no more than `doubt` is left that their leading answer is ahead, and
  the last `steady` of them left it in the lead.
- Stops early when finished and running branches together have left no more than `early_doubt` about one
  answer for the last `quiet` of all rounds.
- Gives up a branch that for `patience` typical lengths on end disagrees with the leading answer.
"""

from math import inf
from statistics import median

from envs import BudgetSpent, Controller, Question, confidence, leader, majority


class CarefulPatientFlood(Controller):
    name = "careful_patient_flood"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        """Return every inner parameter as a monotone function of beta."""
        return {
            "most": round(3 * 26.33**beta),
            "complete": 2,
            "doubt": 0.25 * 0.04**beta,
            "steady": round(2 + 6 * beta),
            "early_doubt": 0.1 * 0.1**beta,
            "quiet": 0.2 + 0.3 * beta,
            "patience": 0.8 + 0.2 * beta,
        }

    def solve(self, question: Question) -> str | None:
        """Run branches until it is time to stop, then vote."""
        self.running: list[int] = question.branch_many(min(self.params["most"], question.max_branches))
        self.finished: list[int] = []  # in order of finishing
        self.last: dict[int, str | None] = {}  # what each branch said last
        self.typical = inf  # median depth of those finished, in intervals
        self.votes: dict[str, float] = {}
        self.lead: str | None = None
        self.doubt = 1.0  # that the leading answer is ahead
        self.unchanged = 0  # counts since the lead last changed
        self.rounds = 0
        self.favourite: str | None = None
        self.quiet = 0
        self.against: dict[int, int] = {}  # intervals of dissent on end
        while self.running:
            try:
                ended = self.step(question, self.running)
            except BudgetSpent:
                break  # no tokens are left: what was seen until now votes
            self.rounds += 1
            if ended and self.sure(question):
                break
            if self.settled():
                break
            self.give_up(question)
        return self.vote()

    def step(self, question: Question, branches: list[int]) -> bool:
        """Run ``branches`` for one interval side by side; count those that finish, and say if any did."""
        ended = []
        for i, (answer, done) in zip(branches, question.step_many(branches), strict=True):
            self.last[i] = answer
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
        lead = max(self.votes, key=lambda answer: self.votes[answer], default=None)
        first, second, *_ = *sorted(self.votes.values(), reverse=True), 0.0, 0.0
        self.doubt = 1 - confidence(max(0, round(first)), max(0, round(second)))
        self.unchanged = self.unchanged + 1 if lead == self.lead else 1
        self.lead = lead

    def weigh(self, question: Question, voters: list[int]) -> dict[str, float]:
        """Return the votes of ``voters`` for each answer; an absent answer is no vote."""
        votes: dict[str, float] = {}
        for i in voters:
            weight = 1.0
            answer = self.last[i]
            if answer is not None:
                votes[answer] = votes.get(answer, 0.0) + weight
        return votes

    def sure(self, question: Question) -> bool:
        """Whether the finished branches have settled the question."""
        if len(self.finished) < self.params["complete"]:
            return False
        return self.doubt <= self.params["doubt"] and self.unchanged >= self.params["steady"]

    def settled(self) -> bool:
        """Whether finished and running branches have been sure of one answer for long enough."""
        said = [self.last.get(i) for i in (*self.finished, *self.running)]
        favourite, first, second = leader(answer for answer in said if answer is not None)
        sure = favourite is not None and 1 - confidence(first, second) <= self.params["early_doubt"]
        self.quiet = self.quiet + 1 if sure and favourite == self.favourite else 0
        self.favourite = favourite
        return self.quiet > self.params["quiet"] * self.rounds

    def give_up(self, question: Question) -> None:
        """Prune the branches of which no more is hoped."""
        for i in list(self.running):
            self.against[i] = self.against.get(i, 0) + 1 if self.lead not in (None, self.last[i]) else 0
            dissents = self.against[i] >= self.params["patience"] * self.typical
            if dissents:
                question.prune(i)
                self.running.remove(i)

    def vote(self) -> str | None:
        """Return the answer that leads; before there is one, what most branches have said last."""
        said = (answer for answer in self.last.values() if answer is not None)
        return majority(said) if self.lead is None else self.lead
