"""Runs a few branches at a time, until the lead among their votes suffices against all other answers.

- Opens `opening` branches at first, then keeps `at_once` running: each that ends makes room for another,
  `most` in all.
- Stops once `complete` have finished and the leading answer is ahead by `bar` votes, which fall to nothing as
  the width is used up, by the power `closing`, and by `others` for each vote of other answers.
- Stops as hopeless once `tries` have finished and the leading answer has less than `grip` of the votes.
- The typical length is one that a share `rank` of those finished do not exceed.
- Gives up a branch that for `patience` typical lengths on end disagrees with the leading answer, if its own
  answer is `behind` votes behind.
- A vote counts by how short its branch was: the typical length over its own, to the `power` (less while fewer
  than some `shrink` have finished), at most `cap`.
- An answer that branches showed and then left counts less: by the share of them that kept it, to the power
  `keep`.
"""

from bisect import insort
from math import ceil, inf

from envs import BudgetSpent, Controller, Question, majority


class GuardedPatientTrickle(Controller):
    name = "guarded_patient_trickle"

    @staticmethod
    def schedule(beta: float) -> dict[str, float]:
        """Return every inner parameter as a monotone function of beta."""
        return {
            "opening": 2,
            "at_once": 2,
            "most": round(4 * 16**beta),
            "complete": round(1 + 3 * beta),
            "bar": 1.2 * 13.33**beta,
            "closing": 2,
            "others": 0.15 + 0.15 * beta,
            "tries": round(6 + 18 * beta),
            "grip": 0.3 - 0.05 * beta,
            "rank": 0.87,
            "patience": 0.6,
            "behind": 0.29 + 1.51 * beta,
            "power": 2,
            "shrink": 2,
            "cap": 3,
            "keep": 1.2,
        }

    def solve(self, question: Question) -> str | None:
        """Run branches until it is time to stop, then vote."""
        self.running: list[int] = []
        self.finished: list[int] = []  # in order of finishing
        self.said: list[tuple[str | None, bool]] = []  # by those running, in the last interval
        self.last: list[str | int | None] = [0] * len(self.running)  # what each branch said last; 0 before
        self.shown: dict[str, dict[int, bool]] = {}  # branches that have said each answer
        self.lengths: list[int] = []  # of those finished, sorted
        self.typical = inf  # upper depth of those finished, in intervals
        self.ballots = []  # of those finished
        self.votes: dict[str, float] = {}
        self.lead: str | None = None
        self.rounds = 0
        self.dissent = [0] * len(self.running)  # round in which each began to disagree, or 0
        self.due = inf  # round in which the next branch may be given up
        self.open(question, self.params["opening"])
        while self.running:
            try:
                said = question.step_many(self.running)
            except BudgetSpent:
                break  # no tokens are left: what was seen until now votes
            self.rounds += 1
            if said == self.said and self.rounds < self.due:
                continue  # nothing new
            ended = self.hear(question, self.running, said)
            if ended and self.sure(question):
                break
            if ended and len(self.finished) >= self.params["tries"] and self.share() < self.params["grip"]:
                break
            if ended or self.rounds >= self.due:
                self.give_up(question)
            if len(self.running) < self.params["at_once"]:
                self.open(question, self.params["at_once"] - len(self.running))
        return self.vote()

    def open(self, question: Question, wanted: int) -> None:
        """Open ``wanted`` branches, or as many as there still may be."""
        room = min(self.params["most"], question.max_branches) - question.width
        if min(wanted, room) > 0:
            self.running += question.branch_many(min(wanted, room))
            self.last += [0] * min(wanted, room)
            self.dissent += [0] * min(wanted, room)

    def hear(self, question: Question, branches: list[int], said: list[tuple[str | None, bool]]) -> bool:
        """Note what ``branches`` say now; count those that finish, and say if any did."""
        ended, changed, last = [], [], self.last
        for i, (answer, done) in zip(branches, said, strict=True):
            if answer != last[i]:
                last[i] = answer
                changed.append(i)
                if answer in self.shown:
                    self.shown[answer][i] = True
                elif answer is not None:
                    self.shown[answer] = {i: True}
            if done:
                ended.append(i)
        for i in ended:
            self.running.remove(i)
            self.finished.append(i)
            insort(self.lengths, question.depth(i))
            self.ballots.append(self.ballot(question, i))
        if ended:
            self.count()
        elif self.lead is not None:
            lead, dissent, wait = self.lead, self.dissent, self.params["patience"] * self.typical
            for i in changed:
                if last[i] == lead:
                    dissent[i] = 0
                else:
                    dissent[i] = dissent[i] or self.rounds
                    self.due = min(self.due, dissent[i] - 1 + wait)
        self.said = [] if ended else said
        return bool(ended)

    def count(self) -> None:
        """Count the votes of those that have finished, and see who leads now."""
        self.typical = self.lengths[ceil(self.params["rank"] * len(self.lengths)) - 1]
        self.votes = self.weigh(self.ballots)
        self.lead = max(self.votes, key=lambda answer: self.votes[answer], default=None)

    def ballot(self, question: Question, i: int):
        """Return what branch ``i`` says and its length."""
        answer = self.last[i]
        length = question.depth(i)
        return answer, length

    def weigh(self, ballots: list) -> dict[str, float]:
        """Return the votes of ``ballots`` for each answer; an absent answer is no vote."""
        known = len(self.finished) / (len(self.finished) + self.params["shrink"])  # of what is short here
        power, cap, typical = self.params["power"] * known, self.params["cap"], self.typical
        votes: dict[str, float] = {}
        for answer, length in ballots:
            if answer is not None:
                votes[answer] = votes.get(answer, 0.0) + min(cap, (typical / length) ** power)
        for answer in votes:
            votes[answer] *= (self.last.count(answer) / len(self.shown[answer])) ** self.params["keep"]
        return votes

    def sure(self, question: Question) -> bool:
        """Whether the finished branches have settled the question."""
        if len(self.finished) < self.params["complete"]:
            return False
        left = max(1, min(self.params["most"], question.max_branches) - len(self.finished))
        bar = self.params["bar"] * (left / (left + len(self.finished))) ** self.params["closing"]
        first, second, *rest = *sorted(self.votes.values(), reverse=True), 0.0, 0.0
        others = 0.0
        for votes in (second, *rest):
            others += max(0.0, votes)
        bar += self.params["others"] * others
        return first - second >= bar

    def share(self) -> float:
        """Return the share of the votes that the leading answer has."""
        votes = [votes for votes in self.votes.values() if votes > 0]
        total = 0.0
        for each in votes:
            total += each
        return max(votes) / total if votes else 0.0

    def give_up(self, question: Question) -> None:
        """Prune the branches of which no more is hoped."""
        self.due = inf
        most = max(self.votes.values(), default=0.0)
        for i in list(self.running):
            wait = inf  # intervals until it may be given up
            if self.lead is None or self.lead == self.last[i]:
                self.dissent[i] = 0
            else:
                self.dissent[i] = self.dissent[i] or self.rounds
                dissent = self.rounds + 1 - self.dissent[i]
                behind = most - self.votes.get(self.last[i], 0.0)
                if behind >= self.params["behind"]:
                    wait = self.params["patience"] * self.typical - dissent
            if wait <= 0:
                question.prune(i)
                self.running.remove(i)
                self.said = []
            else:
                self.due = min(self.due, self.rounds + wait)

    def vote(self) -> str | None:
        """Return the answer that leads; before there is one, what most branches have said last."""
        said = (answer for answer in self.last if isinstance(answer, str))
        return majority(said) if self.lead is None else self.lead
