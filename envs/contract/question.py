"""The `Question` interface: everything that a controller may see of a question, and every action it may take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, overload

Probe = tuple[str | None, bool]
"""The result of a step: the probe answer (None if there is none), and whether the branch has finished."""
WITH_PROBE = "answer_"
"""The prefix of the names of signals that come with a probe; all others come with the interval."""


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

    Where a controller declares that it uses them (see `Controller`), and the question has them, it also reads signals,
    asks a verifier, and forks branches.

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
      and `verify` do the same with their prices. `fork` costs nothing.
    - `step_many` advances the first of its branches for which the budget has an interval each. If these are not all,
      it then raises `TokensSpent`.
    - `run_to_end` and `run_many_to_end` run branch after branch, as they come in the call. The branch that does not
      reach its end runs the intervals that fit, and stays unfinished; the branches after it do not run. The call then
      raises `TokensSpent`. The branches that finished show their final answers for nothing: `probe` them.

    A live question follows the same rule: a request for a branch asks for at most the whole intervals that the budget
    still has.

    **A `Question` of one's own** defines the abstract methods. The others have defaults: no signals, no verifier, and
    no forks.
    """

    max_branches: int
    """The number of branches that may be opened (the width of the budget)."""
    max_tokens: int | None
    """The number of tokens that may be spent, or None for no limit."""
    tokens_ran_out: bool = False
    """Whether an action has raised `TokensSpent`."""
    signals: tuple[str, ...] = ()
    """The names of the signals that the question has and the controller declares."""
    can_verify: bool = False
    """Whether the question has a verifier, and the controller declares that it uses one."""
    has_forks: bool = False
    """Whether the question has forks, and the controller declares that it uses them; `can_fork` tells of a branch."""

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

    @overload
    def step(self, i: int) -> Probe: ...
    @overload
    def step(self, i: int, name: str, /, *names: str) -> tuple[Any, ...]: ...
    def step(self, i: int, *names: str) -> Any:
        """Advance branch ``i`` by one interval and probe it: ``(answer, finished)``.

        With names of signals, the result is ``(answer, finished, value, ...)``: see `signal`.
        """
        return self.step_many((i,), *names)[0]

    def run_to_end(self, i: int) -> str | None:
        """Run branch ``i`` to its end in one call, and return its final answer."""
        return self.run_many_to_end((i,))[0]

    def verify(self, i: int) -> float | None:
        """Return the score that an external judge gives branch ``i`` as it stands, or None if it gives none.

        The first verification of a depth costs the ``verify_cost`` of the environment, in tokens; the same score again
        costs nothing. A finished branch may be verified, at the same price. Verification adds nothing to the latency.

        Raises:
            IllegalAction: there is no verifier (see `can_verify`), or the branch is at depth 0, or was pruned.
            TokensSpent: the budget does not have the price.
        """
        raise IllegalAction(NO_VERIFIER)

    def fork(self, i: int) -> int:
        """Open the next branch at the depth of branch ``i``, and return its index.

        The new branch shares all intervals of branch ``i`` so far, and nothing of them is paid again. It has shown
        what branch ``i`` has shown: an answer, signals or a score that were paid for at this depth are free. From here
        on the two branches run independently. A fork costs nothing, and counts in `width`.

        Where branches are recorded, each recorded fork can be opened once: see `can_fork`.

        Raises:
            IllegalAction: branch ``i`` is not running or is at depth 0, or there is no fork (left) at its depth.
            BudgetSpent: `max_branches` are open.
        """
        raise IllegalAction(NO_FORKS)

    def can_fork(self, i: int) -> bool:
        """Return whether `fork` would open a branch now."""
        return False

    # Bulk actions: the branches of one call run side by side, and latency counts only the longest advance

    @abstractmethod
    def branch_many(self, n: int) -> list[int]:
        """Open ``n`` branches, and return their indices."""

    @overload
    def step_many(self, indices: Sequence[int]) -> list[Probe]: ...
    @overload
    def step_many(self, indices: Sequence[int], name: str, /, *names: str) -> list[tuple[Any, ...]]: ...
    @abstractmethod
    def step_many(self, indices: Sequence[int], *names: str) -> Any:
        """`step` the branches ``indices`` (all different) side by side; return one (answer, finished) for each.

        With names of signals, their values follow in each result. A question without signals needs no ``names``.

        Under a limit on tokens, only the first ones may move before `TokensSpent` is raised: see the class.
        """

    @abstractmethod
    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        """`run_to_end` the branches ``indices`` (all different) side by side; return the final answer of each."""

    def verify_many(self, indices: Sequence[int]) -> list[float | None]:
        """`verify` the branches ``indices``, one after another, and return the score of each."""
        return [self.verify(i) for i in indices]

    def fork_many(self, i: int, n: int) -> list[int]:
        """`fork` branch ``i`` ``n`` times, and return the indices of the new branches.

        If an error is raised, the forks before it are open.
        """
        return [self.fork(i) for _ in range(n)]

    # Signals: reading them is free

    def signal(self, i: int, name: str) -> float | None:
        """Return what the signal ``name`` of branch ``i`` is at its present depth, or None where it is absent.

        A signal whose name starts with ``answer_`` comes with a probe: it is absent until the present depth has been
        probed or stepped to. Every other signal comes with the interval, however the branch ran it. A finished branch
        has the signals of the finished branch. All are absent at depth 0, and wherever none was recorded.

        Raises:
            IllegalAction: the branch was never opened, or ``name`` is not one of `signals`.
        """
        raise IllegalAction(unknown_signal(name, self.signals))

    def signal_many(self, indices: Sequence[int], name: str) -> list[float | None]:
        """Return the `signal` ``name`` of each of the branches ``indices``."""
        check_signals(self, (name,))
        return [self.signal(i, name) for i in indices]

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
        return self.branches_left > 0

    @property
    def branches_left(self) -> int:
        """The number of branches that `branch_many` may still open. `fork` may open more than these, or fewer."""
        return self.max_branches - self.width


NO_VERIFIER = "nothing can be verified: the question has no verifier, or the controller does not declare `verifier`"
NO_FORKS = "no branch can be forked: the question has no forks, or the controller does not declare `forks`"


def unknown_signal(name: object, names: Sequence[str]) -> str:
    """Return the message for a signal that is not one of ``names``."""
    there = f"here: {', '.join(names)}" if names else "none here"
    return f"no signal {str(name)[:60]!r}: a controller reads signals that it declares and the question has ({there})"


def check_signals(question: Question, names: Sequence[str]) -> None:
    """Refuse ``names`` of signals before an action that is to read them.

    Raises:
        IllegalAction: one of them is not in `Question.signals`.
    """
    for name in names:
        if name not in question.signals:
            raise IllegalAction(unknown_signal(name, question.signals))


def with_signals(question: Question, indices: Sequence[int], probes: list[Probe], names: Sequence[str]) -> list[Any]:
    """Return the results of `Question.step_many` on ``indices``, with the present values of signals after each."""
    if not names:
        return probes
    values = zip(*(question.signal_many(indices, name) for name in names), strict=True)
    return [(*probe, *row) for probe, row in zip(probes, values, strict=True)]
