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


class TokensSpent(BudgetSpent):
    """The tokens of the budget do not suffice for the action. A controller may catch it and answer.

    If it leaves `Controller.solve`, the episode ends there. If the controller then has no answer, or answers None, the
    answer is the majority of `Question.latest_answers` without absent ones
    (`envs.contract.controller.answer_without_tokens`). So no controller fails because the tokens end.
    """


class Question(ABC):
    """One question, on which a controller opens, advances, probes and prunes reasoning branches.

    Branches are numbered 0, 1, 2, ... in the order in which they are opened. Depths are counted in intervals of a
    fixed number of tokens, costs in tokens. Answers are opaque strings: a controller may only compare them for
    equality. ``None`` is an absent answer.

    Every action raises `IllegalAction` for an index that was never opened, and for a branch that was pruned. An action
    that advances also raises it for a branch that has finished. Opening more than `max_branches` raises `BudgetSpent`
    (an `IllegalAction`).

    **The limit on tokens** (`max_tokens`) is never exceeded. One rule holds for every action: an interval runs only if
    the budget still has a whole interval for it, and for a step also the price of its probe. The rule holds for the
    last interval of a branch too, which costs only its rest, and whose length nobody knows before. A refusal therefore
    reveals nothing about the rest of a branch. (If a recording lacks probes, its last interval may be longer than a
    whole one; the budget must then have all of it.)

    - `advance` and `step` run their interval, or raise `TokensSpent` (a `BudgetSpent`) and change nothing. `probe`
      does the same with its price.
    - `step_many` advances the first of its branches for which the budget has an interval each. If these are not all,
      it then raises `TokensSpent`.
    - `run_to_end` and `run_many_to_end` run branch after branch, as they come in the call. The branch that does not
      reach its end runs the intervals that fit, and stays unfinished; the branches after it do not run. The call then
      raises `TokensSpent`. The branches that finished show their final answers for nothing: `probe` them.

    A live question follows the same rule: a request for a branch asks for at most the whole intervals that the budget
    still has.
    """

    max_branches: int
    """The number of branches that may be opened (the width of the budget)."""
    max_tokens: int | None
    """The number of tokens that may be spent, or None for no limit."""
    tokens_ran_out: bool = False
    """Whether an action has raised `TokensSpent`."""

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
        """`step` the branches ``indices`` (all different) side by side; return one (answer, finished) for each.

        Under a limit on tokens, only the first ones may move before `TokensSpent` is raised: see the class.
        """

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
    @abstractmethod
    def latest_answers(self) -> dict[int, str | None]:
        """The latest answer that each branch has shown, in the order of opening. Pruned branches are left out."""

    @property
    @abstractmethod
    def can_step(self) -> bool:
        """Whether the budget still has the tokens of one step: a whole interval and its probe. Always without a limit.
        """

    @property
    def tokens_left(self) -> int | None:
        """Tokens that may still be spent, or None for no limit."""
        return None if self.max_tokens is None else self.max_tokens - self.tokens

    @property
    def can_branch(self) -> bool:
        """Whether another branch may be opened."""
        return self.width < self.max_branches
