"""A `Question` whose actions another process takes: what a sandboxed controller holds in front of a live model.

Standard library only: this file runs inside the sandbox. Each action is one request: a byte for the verb (the codes of
an action log, and `LATEST`), and its numbers (i64). Each reply is JSON: ``[error, result, tokens, latency, can_step,
tokens_ran_out, branches]``. ``error`` is null or ``[class, message]``. ``branches`` holds ``[index, depth, state]`` of
each branch that may have changed, so that a look at the state needs no request; the values of the signals that the
controller declares follow. If it declares forks, the reply ends with the branches that can be forked, and with the
number of branches that can be opened.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Sequence
from typing import Any

from .question import (
    NO_FORKS,
    NO_VERIFIER,
    BudgetSpent,
    IllegalAction,
    Question,
    TokensSpent,
    check_signals,
    with_signals,
)
from .replay import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERIFY

LATEST = 8
"""The verb of a request for `Question.latest_answers`."""
RUNNING, FINISHED, PRUNED = range(3)
"""The states of a branch in a reply."""
ERRORS: dict[str, type[IllegalAction]] = {error.__name__: error for error in (TokensSpent, BudgetSpent, IllegalAction)}
"""The errors that a reply may name; each class comes before its base."""


class RemoteQuestion(Question):
    """A question that sends each action to another process, and waits for the reply.

    Args:
        ask: sends a request and returns the reply.
        max_branches: see `Question`.
        max_tokens: see `Question`.
        can_step: whether the budget has the tokens of a first step.
        signals: the signals that the question has and the controller declares.
        can_verify: whether it has a verifier, and the controller declares one.
        branches_left: `Question.branches_left` of a question with forks that the controller declares; None without.
    """

    __slots__ = (
        "_ask", "_branches_left", "_can_step", "_depths", "_forkable", "_latency", "_states", "_tokens", "_values",
        "answers", "can_verify", "has_forks", "max_branches", "max_tokens", "signals",
    )  # fmt: skip

    def __init__(
        self,
        ask: Callable[[bytes], bytes | bytearray],
        max_branches: int,
        max_tokens: int | None = None,
        can_step: bool = True,
        signals: Sequence[str] = (),
        can_verify: bool = False,
        branches_left: int | None = None,
    ) -> None:
        self.signals = tuple(signals)
        self.can_verify = can_verify
        self.has_forks = branches_left is not None
        self.max_branches = max_branches
        self.max_tokens = max_tokens
        self.answers: dict[str, str] = {}
        """Each answer that a reply has shown, by itself: equal answers are one string."""
        self._ask = ask
        self._tokens = 0
        self._latency = 0
        self._can_step = can_step
        self._depths: list[int] = []
        self._states: list[int] = []
        self._values: list[list[float | None]] = []
        self._branches_left = branches_left
        self._forkable: list[int] = []

    # Actions

    def branch_many(self, n: int) -> list[int]:
        if not -1 << 63 <= n < 1 << 63:  # what no request can hold
            raise BudgetSpent(f"cannot open {n} more branches: {self.width} of at most {self.max_branches} are open")
        opened: list[int] = self._act(BRANCH, (n,))
        return opened

    def advance(self, i: int) -> bool:
        finished: bool = self._act(ADVANCE, (i,))
        return finished

    def probe(self, i: int) -> str | None:
        return self._answer(self._act(PROBE, (i,)))

    def prune(self, i: int) -> None:
        self._act(PRUNE, (i,))

    def step_many(self, indices: Sequence[int], *names: str) -> list[Any]:
        check_signals(self, names)
        probes = [(self._answer(answer), finished) for answer, finished in self._act(STEP, indices)]
        return with_signals(self, indices, probes, names)

    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        return list(map(self._answer, self._act(RUN, indices)))

    def verify(self, i: int) -> float | None:
        if not self.can_verify:
            raise IllegalAction(NO_VERIFIER)
        score: float | None = self._act(VERIFY, (i,))
        return score

    def fork(self, i: int) -> int:
        if not self.has_forks:
            raise IllegalAction(NO_FORKS)
        opened: int = self._act(FORK, (i,))
        return opened

    # State

    def signal(self, i: int, name: str) -> float | None:
        check_signals(self, (name,))
        self._opened(i)
        return self._values[i][self.signals.index(name)]

    def can_fork(self, i: int) -> bool:
        self._opened(i)
        return i in self._forkable

    @property
    def branches_left(self) -> int:
        return self.max_branches - self.width if self._branches_left is None else self._branches_left

    def finished(self, i: int) -> bool:
        self._opened(i)
        return self._states[i] == FINISHED

    def depth(self, i: int) -> int:
        self._opened(i)
        return self._depths[i]

    @property
    def active(self) -> list[int]:
        return [i for i, state in enumerate(self._states) if state == RUNNING]

    @property
    def width(self) -> int:
        return len(self._depths)

    @property
    def tokens(self) -> int:
        return self._tokens

    @property
    def latency(self) -> int:
        return self._latency

    @property
    def latest_answers(self) -> dict[int, str | None]:
        return {i: self._answer(answer) for i, answer in self._act(LATEST, ())}

    @property
    def can_step(self) -> bool:
        return self._can_step

    # Requests

    def _act(self, verb: int, numbers: Sequence[int]) -> Any:
        """Send a request, keep the state that its reply shows, and return its result or raise its error."""
        numbers = list(numbers)
        if len(numbers) > max(self.max_branches, 1):  # more than a request holds: the call is illegal anyway
            running = set(self.active)
            numbers = [i for i in numbers if i not in running][:1]
            if not numbers:
                raise IllegalAction("one call cannot advance the same branch twice")
        try:
            request = bytes((verb,)) + array("q", numbers).tobytes()
        except OverflowError:
            for i in numbers:
                self._opened(i)
            raise
        reply = json.loads(self._ask(request))
        error, result, self._tokens, self._latency, self._can_step, ran_out, branches, *forks = reply
        if forks:
            self._forkable, self._branches_left = forks
        if ran_out:
            self.tokens_ran_out = True
        for i, depth, state, *values in branches:
            if i == len(self._depths):
                self._depths.append(depth)
                self._states.append(state)
                self._values.append(values)
            else:
                self._depths[i] = depth
                self._states[i] = state
                self._values[i] = values
        if error is not None:
            raise ERRORS[error[0]](error[1])
        return result

    def _answer(self, answer: str | None) -> str | None:
        return None if answer is None else self.answers.setdefault(answer, answer)

    def _opened(self, i: int) -> None:
        if not 0 <= i < len(self._depths):
            raise IllegalAction(f"branch {i} was never opened ({len(self._depths)} are open)")
