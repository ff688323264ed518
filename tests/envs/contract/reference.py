"""A slow and obvious `Question`, written from the contract's docstrings alone: the reference for the real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from autotts.envs import BudgetSpent, IllegalAction, Question, TokensSpent
from autotts.envs.contract.recording import Recording


@dataclass
class Cell:
    """What a branch carries at one depth."""

    answer: str | None
    signals: dict[str, float | None]
    score: float | None


@dataclass
class PlainBranch:
    """One open branch: all its cells, also those that are still to come."""

    cells: list[Cell]
    total: int
    recorded: int
    """The recorded branch whose forks it may open."""
    depth: int = 0
    start: int = 0
    pruned: bool = False
    answered: bool = False
    """Whether the answer at its depth has been shown or paid for."""
    scored: bool = False
    latest: list[str | None] = field(default_factory=list)
    """The answers that it has shown."""
    origin: int = -1
    """The recorded branch that it was forked from, which counts until it moves."""

    @property
    def finished(self) -> bool:
        return self.depth == len(self.cells)

    @property
    def running(self) -> bool:
        return not self.finished and not self.pruned


def none(value: float) -> float | None:
    return None if value != value else value


class PlainQuestion(Question):
    """Answers from a recording, with one method for each sentence of the contract."""

    def __init__(
        self, recording: Recording, order: Sequence[int], max_branches: int, max_tokens: int | None = None
    ) -> None:
        self.recording, self.max_tokens = recording, max_tokens
        parents = recording.parents or [-1] * len(recording.total_tokens)
        self.parents = parents
        self.roots = [b for b in order if parents[b] < 0]
        self.children = [b for b in order if parents[b] >= 0]
        self.max_branches = min(max_branches, len(order))
        self.signals = tuple(recording.signals)
        self.can_verify = recording.verifier is not None
        self.has_forks = recording.parents is not None
        self.open: list[PlainBranch] = []
        self.spent = self.critical = 0

    # What is recorded

    def cells(self, b: int) -> list[Cell]:
        numbers, scores = self.recording.signals, self.recording.verifier
        return [
            Cell(answer, {n: none(numbers[n][b][d]) for n in numbers}, none(scores[b][d]) if scores else None)
            for d, (answer, _) in enumerate(self.recording.columns[b])
        ]

    # Rules

    def at(self, i: int) -> PlainBranch:
        if not 0 <= i < len(self.open):
            raise IllegalAction("never opened")
        return self.open[i]

    def running(self, i: int) -> PlainBranch:
        if not self.at(i).running:
            raise IllegalAction("not running")
        return self.open[i]

    def refuse_tokens(self) -> TokensSpent:
        self.tokens_ran_out = True
        return TokensSpent("no tokens left")

    def left(self) -> float:
        return float("inf") if self.max_tokens is None else self.max_tokens - self.spent

    def rest(self, branch: PlainBranch) -> int:
        return max(0, branch.total - self.recording.delta * branch.depth)

    def need(self, branch: PlainBranch, probe: bool) -> int:
        """Tokens that the budget must have for the next interval: a whole one, or all of a longer last one."""
        whole = self.recording.delta + (self.recording.probe_cost if probe else 0)
        return max(whole, self.rest(branch)) if branch.depth + 1 == len(branch.cells) else whole

    def move(self, branch: PlainBranch, probe: bool) -> int:
        """Run the next interval, pay for it, and return its tokens on the critical path."""
        last = branch.depth + 1 == len(branch.cells)
        tokens = self.rest(branch) if last else self.recording.delta
        self.spent += tokens + (self.recording.probe_cost if probe and not last else 0)
        branch.depth += 1
        branch.answered = probe or last
        branch.scored, branch.origin = False, -1
        if branch.answered:
            branch.latest.append(branch.cells[branch.depth - 1].answer)
        return tokens

    # Actions

    def branch_many(self, n: int) -> list[int]:
        if n < 0 or n > self.branches_left:
            raise BudgetSpent("no more branches")
        first = len(self.open)
        for b in self.roots[:n]:
            self.open.append(PlainBranch(self.cells(b), self.recording.total_tokens[b], b))
        self.roots = self.roots[n:]
        return list(range(first, len(self.open)))

    def advance(self, i: int) -> bool:
        branch = self.running(i)
        if self.need(branch, probe=False) > self.left():
            raise self.refuse_tokens()
        self.critical += self.move(branch, probe=False)
        return branch.finished

    def probe(self, i: int) -> str | None:
        branch = self.at(i)
        if branch.pruned or branch.depth == 0:
            raise IllegalAction("nothing to probe")
        if not branch.answered:
            if self.recording.probe_cost > self.left():
                raise self.refuse_tokens()
            self.spent += self.recording.probe_cost
            branch.answered = True
        answer = branch.cells[branch.depth - 1].answer
        branch.latest.append(answer)
        return answer

    def prune(self, i: int) -> None:
        self.running(i).pruned = True

    def step_many(self, indices: Sequence[int], *names: str) -> list[Any]:
        if any(name not in self.signals for name in names):
            raise IllegalAction("no such signal")
        branches = [self.running(i) for i in indices]
        if len(set(indices)) < len(indices):
            raise IllegalAction("twice")
        reserved, fitting = 0, 0
        for branch in branches:
            reserved += self.need(branch, probe=True)
            if reserved > self.left():
                break
            fitting += 1
        self.critical += max((self.move(branch, probe=True) for branch in branches[:fitting]), default=0)
        if fitting < len(branches):
            raise self.refuse_tokens()
        return [
            (branch.cells[branch.depth - 1].answer, branch.finished, *(self.signal(i, name) for name in names))
            for i, branch in zip(indices, branches, strict=True)
        ]

    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        branches = [self.running(i) for i in indices]
        if len(set(indices)) < len(indices):
            raise IllegalAction("twice")
        longest = 0
        for branch in branches:
            intervals, reserve, depth = 0, 0, branch.depth
            while branch.depth < len(branch.cells):  # would it reach its end?
                reserve += self.need(branch, probe=False)
                branch.depth += 1
                if reserve > self.left():
                    break
                intervals += 1
            whole = branch.depth == len(branch.cells) and reserve <= self.left()
            branch.depth = depth
            spans = [self.move(branch, probe=False) for _ in range(intervals)]
            if whole:
                longest = max(longest, sum(spans))
                continue
            # it stays unfinished: its intervals come after those that ran side by side, one after another
            self.critical += longest + sum(spans)
            raise self.refuse_tokens()
        self.critical += longest
        return [branch.cells[-1].answer for branch in branches]

    def verify(self, i: int) -> float | None:
        if not self.can_verify:
            raise IllegalAction("no verifier")
        branch = self.at(i)
        if branch.pruned or branch.depth == 0:
            raise IllegalAction("nothing to verify")
        if not branch.scored:
            if self.recording.verify_cost > self.left():
                raise self.refuse_tokens()
            self.spent += self.recording.verify_cost
            branch.scored = True
        return branch.cells[branch.depth - 1].score

    def found(self, i: int) -> int | None:
        """Return the recorded fork that `fork` would open."""
        branch = self.at(i)
        if not branch.running or branch.depth == 0:
            return None
        of = branch.recorded if branch.origin < 0 else branch.origin
        mine = [b for b in self.children if self.parents[b] == of]
        depths = self.recording.fork_depths
        here = [b for b in mine if depths[b] == branch.depth]
        if not here and mine and self.recording.fork_rule == "nearest":
            nearest = min((abs(depths[b] - branch.depth), depths[b]) for b in mine)[1]
            here = [b for b in mine if depths[b] == nearest]
        return here[0] if here else None

    def can_fork(self, i: int) -> bool:
        return self.found(i) is not None and len(self.open) < self.max_branches

    def fork(self, i: int) -> int:
        if self.recording.parents is None:
            raise IllegalAction("no forks")
        branch = self.running(i)
        if branch.depth == 0:
            raise IllegalAction("nothing to fork")
        if len(self.open) == self.max_branches:
            raise BudgetSpent("no more branches")
        child = self.found(i)
        if child is None:
            raise IllegalAction("none recorded")
        self.children.remove(child)
        cells = self.cells(child)
        rest = cells[branch.depth :] or cells[-1:]
        self.open.append(
            PlainBranch(
                branch.cells[: branch.depth] + rest, self.recording.total_tokens[child], child, branch.depth,
                branch.depth, answered=branch.answered, scored=branch.scored, latest=branch.latest[-1:],
                origin=branch.recorded if branch.origin < 0 else branch.origin,
            )
        )  # fmt: skip
        return len(self.open) - 1

    # State

    def signal(self, i: int, name: str) -> float | None:
        if name not in self.signals:
            raise IllegalAction("no such signal")
        branch = self.at(i)
        if branch.depth == 0 or (name.startswith("answer_") and not branch.answered):
            return None
        return branch.cells[branch.depth - 1].signals[name]

    def finished(self, i: int) -> bool:
        return self.at(i).finished

    def depth(self, i: int) -> int:
        return self.at(i).depth

    @property
    def active(self) -> list[int]:
        return [i for i, branch in enumerate(self.open) if branch.running]

    @property
    def width(self) -> int:
        return len(self.open)

    @property
    def branches_left(self) -> int:
        return min(len(self.roots), self.max_branches - len(self.open))

    @property
    def tokens(self) -> int:
        return self.spent

    @property
    def latency(self) -> int:
        return self.critical

    @property
    def latest_answers(self) -> dict[int, str | None]:
        return {i: b.latest[-1] for i, b in enumerate(self.open) if b.latest and not b.pruned}

    @property
    def can_step(self) -> bool:
        return self.recording.delta + self.recording.probe_cost <= self.left()
