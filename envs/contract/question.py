"""The `Question` interface: everything that a controller may see of a question, and every action it may take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

Probe = tuple[str | None, bool]
"""The result of a step: the probe answer (None if there is none), and whether the branch has finished."""


class IllegalAction(Exception):
    """A controller asked for an action that the contract does not allow."""


class BudgetSpent(IllegalAction):
    """A controller asked for a branch or an interval that exceeds the budget."""


class Question(ABC):
    """One question, on which a controller opens, advances, probes and prunes reasoning branches.

    Branches are numbered 0, 1, 2, ... in the order in which they are opened. Depths are counted in intervals of a
    fixed number of tokens, costs in tokens. Answers are opaque strings: a controller may only compare them for
    equality. ``None`` is an absent answer.

    Every action raises `IllegalAction` for an index that was never opened, and for a branch that was pruned. An action
    that advances also raises it for a branch that has finished, and raises `BudgetSpent` (an `IllegalAction`) if the
    budget does not allow it.
    """

    max_branches: int
    """The number of branches that may be opened (the width of the budget)."""
    max_tokens: int | None
    """The number of tokens that may be spent, or None for no limit. An advance is refused unless the budget still has
    one whole interval for each branch that it moves. A refusal therefore reveals nothing about the rest of a branch."""

    # Actions

    def branch(self) -> int:
        """Open the next branch at depth 0, and return its index. This costs nothing."""
        return self.branch_many(1)[0]

    @abstractmethod
    def advance(self, i: int) -> bool:
        """Run branch ``i`` for one interval without a probe, and return whether the branch has finished.

        The advance after the last whole interval of a branch finishes it, and costs only the remaining tokens.
        """

    @abstractmethod
    def probe(self, i: int) -> str | None:
        """Return the answer that branch ``i`` would give at its present depth, or its final answer if it has finished.

        The first probe of a depth costs the ``probe_cost`` of the environment, in tokens. An answer that a step or an
        earlier probe has shown costs nothing again, and a final answer is always free. A probe at depth 0 is illegal.
        """

    @abstractmethod
    def prune(self, i: int) -> None:
        """Close branch ``i`` for ever. Illegal for a branch that has finished, where no tokens are left to save."""

    def step(self, i: int) -> Probe:
        """Advance branch ``i`` by one interval and probe it: ``(answer, finished)``."""
        return self.step_many((i,))[0]

    def run_to_end(self, i: int) -> str | None:
        """Run branch ``i`` to its end in one call, and return its final answer."""
        return self.run_many_to_end((i,))[0]

    # Bulk actions: the branches of one call run side by side, and latency counts only the longest advance

    @abstractmethod
    def branch_many(self, n: int) -> list[int]:
        """Open ``n`` branches, and return their indices."""

    @abstractmethod
    def step_many(self, indices: Sequence[int]) -> list[Probe]:
        """`step` the branches ``indices`` (all different) side by side; return one (answer, finished) for each."""

    @abstractmethod
    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        """`run_to_end` the branches ``indices`` (all different) side by side; return the final answer of each."""

    # State

    @abstractmethod
    def finished(self, i: int) -> bool:
        """Return whether branch ``i`` has given its final answer."""

    @abstractmethod
    def depth(self, i: int) -> int:
        """Return the number of intervals that branch ``i`` has run; the last one may have been shorter."""

    @property
    @abstractmethod
    def active(self) -> list[int]:
        """Branches that can be advanced (neither finished nor pruned), in the order in which they were opened."""

    @property
    @abstractmethod
    def width(self) -> int:
        """The number of branches opened so far."""

    @property
    @abstractmethod
    def tokens(self) -> int:
        """Tokens spent so far."""

    @property
    @abstractmethod
    def latency(self) -> int:
        """Tokens on the critical path so far: the sum, over all calls, of the longest advance of each call."""

    @property
    def can_branch(self) -> bool:
        """Whether another branch may be opened."""
        return self.width < self.max_branches
