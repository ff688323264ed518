"""What a controller sees of a question, and what it may do about it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

Probe = tuple[str | None, bool]
"""What a step reveals: the probe answer (None when there is none), and whether the branch has finished."""


class IllegalAction(Exception):
    """A controller asked for something that the contract does not allow."""


class BudgetSpent(IllegalAction):
    """A controller asked for a branch or an interval that the budget no longer holds."""


class Question(ABC):
    """One question, worked on by reasoning branches that are opened, advanced, looked at and given up.

    Branches are numbered 0, 1, 2, ... in the order in which they are opened. Lengths are counted in intervals of a
    fixed number of tokens, costs in tokens. Answers are opaque strings: compare them for equality and nothing else.
    ``None`` is an absent answer. Every verb raises `IllegalAction` on an index that was never opened, and on a
    branch that was pruned; a verb that advances also raises it on a branch that has finished, and `BudgetSpent`
    (an `IllegalAction`) where the budget ends.
    """

    max_branches: int
    """Branches that may be opened (the budget's width)."""
    max_tokens: int | None
    """Tokens that may be spent, or None for no such limit. An advance is refused unless one whole interval still
    fits for each branch that it moves, so that the refusal says nothing of how long a branch still is."""

    # Verbs

    def branch(self) -> int:
        """Open the next branch, at depth 0 and at no cost, and return its index."""
        return self.branch_many(1)[0]

    @abstractmethod
    def advance(self, i: int) -> bool:
        """Run branch ``i`` for one interval without looking at its answer; return whether it has finished.

        The advance after a branch's last whole interval finishes it, and costs only the tokens that were left.
        """

    @abstractmethod
    def probe(self, i: int) -> str | None:
        """Return the answer that branch ``i`` would give at its present depth, or its final one if it has finished.

        Costs the environment's ``probe_cost`` the first time that a depth is looked at. Illegal at depth 0.
        """

    @abstractmethod
    def prune(self, i: int) -> None:
        """Give branch ``i`` up for good. Illegal on a branch that has finished, where nothing is left to save."""

    def step(self, i: int) -> Probe:
        """Advance branch ``i`` by one interval and probe it: ``(answer, finished)``."""
        return self.step_many((i,))[0]

    def run_to_end(self, i: int) -> str | None:
        """Run branch ``i`` to its end at once, and return its final answer."""
        return self.run_many_to_end((i,))[0]

    # Bulk verbs: what is advanced in one call runs side by side, and latency counts it once

    @abstractmethod
    def branch_many(self, n: int) -> list[int]:
        """Open ``n`` branches, and return their indices."""

    @abstractmethod
    def step_many(self, indices: Sequence[int]) -> list[Probe]:
        """`step` every branch of ``indices`` (all different) side by side: one pair each, in that order."""

    @abstractmethod
    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        """`run_to_end` every branch of ``indices`` (all different) side by side: final answers in that order."""

    # State

    @abstractmethod
    def finished(self, i: int) -> bool:
        """Whether branch ``i`` has given its final answer."""

    @abstractmethod
    def depth(self, i: int) -> int:
        """Intervals that branch ``i`` has run (the last one may have been a short one)."""

    @property
    @abstractmethod
    def active(self) -> list[int]:
        """Branches that can be advanced, neither finished nor pruned, in the order in which they were opened."""

    @property
    @abstractmethod
    def width(self) -> int:
        """Branches opened so far."""

    @property
    @abstractmethod
    def tokens(self) -> int:
        """Tokens spent so far."""

    @property
    @abstractmethod
    def latency(self) -> int:
        """Tokens that had to be generated one after another so far: the longest advance of every call, summed."""

    @property
    def can_branch(self) -> bool:
        """Whether another branch may be opened."""
        return self.width < self.max_branches
