"""Replays recorded branches as a `Question`, without calls to a model.

Standard library only: this file also runs inside the sandbox.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from .action_log import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERBS, VERIFY, ActionLog
from .question import (
    NO_FORKS,
    NO_VERIFIER,
    BudgetSpent,
    IllegalAction,
    Probe,
    TokensSpent,
    check_signals,
    unknown_signal,
    with_signals,
)
from .recording import Columns, DeclaredUse, Numbers, Recording, branch_order, shuffled, unpacked_extras
from .replay_state import ReplayState

__all__ = (
    "ADVANCE", "BRANCH", "FORK", "PROBE", "PRUNE", "RUN", "STEP", "VERBS", "VERIFY", "ActionLog", "Columns", "Numbers",
    "Recording", "ReplayQuestion", "SignalledQuestion", "branch_order", "kind", "shuffled",
    "unpacked_extras",
)  # fmt: skip


class ReplayQuestion(ReplayState):
    """A question that is answered from a `Recording`; its branches are opened in a given order (see `ReplayState`)."""

    __slots__ = ()

    # Actions

    def branch_many(self, n: int) -> list[int]:
        first = len(self._rows)
        if n < 0 or first + n > self.max_branches:
            raise BudgetSpent(f"cannot open {n} more branches: {first} of at most {self.max_branches} are open")
        self._end_lane()
        recorded = self._order[first : first + n] if self._forks is None else self._next_roots(n)
        columns = list(map(self._recording.columns.__getitem__, recorded))
        self._columns += columns
        self._rows += map(iter, columns)
        self._left += map(len, columns)
        opened = range(first, first + n)
        self._running.update(opened)
        if n:
            self.log.add(BRANCH, opened)
        return list(opened)

    def _next_roots(self, n: int) -> list[int]:
        """Return the next ``n`` recorded branches that were not forked, and count them as open."""
        first = len(self._rows) - len(self._forked)
        recorded = list(self._order[first : first + n])
        if len(recorded) < n:
            raise BudgetSpent(f"cannot open {n} more branches: {len(recorded)} more are recorded beside the forks")
        self._recorded += recorded
        return recorded

    # These two are the most frequent calls. Without ``*names`` they are much faster (see `SignalledQuestion`)

    def step(self, i: int, name: str | None = None) -> Any:  # type: ignore[override]
        return self.step_many((i,), name)[0]

    def step_many(  # type: ignore[override]
        self, indices: Sequence[int], name: str | None = None
    ) -> list[Any]:
        left = self._lane_left
        if left and indices == self._lane and name is None:
            self._lane_left = left - 1
            return list(next(self._lane_rows))
        if name is not None:
            raise IllegalAction(unknown_signal(name, self.signals))
        return self._leave_lane(indices)

    def _leave_lane(self, indices: Sequence[int]) -> list[Probe]:
        """Do `step_many` when the branches differ from those of the last call, or when one of them finishes now."""
        allowed = indices == self._lane and self.max_tokens is None  # the lane's branches were checked at its start
        self._end_lane()
        if not allowed:
            indices = indices[:] if isinstance(indices, list | tuple) else list(indices)
            self._check(indices)
        if not indices:
            return []
        if self.max_tokens is not None and (fitting := self._fitting(indices, self._step_cost)) < len(indices):
            raise self._step_first(indices, fitting)
        self._unseen.difference_update(indices)
        cost = self._step_cost * len(indices)
        rounds = min(map(self._left.__getitem__, indices)) - 1
        if self.max_tokens is not None:
            rounds = min(rounds, (self.max_tokens - self._tokens) // cost)
        if rounds > 0:
            self._lane = indices
            self._lane_rows = zip(*map(self._rows.__getitem__, indices), strict=False)
            self._lane_size = self._lane_left = rounds
            self._lane_cost = cost
            self._lane_left -= 1
            return list(next(self._lane_rows))
        probes = [next(self._rows[i]) for i in indices]
        self._move(indices, self._step_cost)
        self.log.add(STEP, indices)
        return probes

    def _step_first(self, indices: Sequence[int], n: int) -> TokensSpent:
        """Step the first ``n`` branches alone; return the error that says so."""
        self._leave_lane(indices[:n])
        return self._no_tokens()

    def advance(self, i: int) -> bool:
        self._end_lane()
        self._check((i,))
        if self.max_tokens is not None and not self._fitting((i,), self._delta):
            raise self._no_tokens()
        finished = next(self._rows[i])[1]
        self._move((i,), self._delta)
        self._unseen.add(i)
        self.log.add(ADVANCE, (i,))
        return finished

    def run_many_to_end(self, indices: Sequence[int]) -> list[str | None]:
        self._end_lane()
        self._check(indices)
        if self.max_tokens is not None:
            indices = list(indices)
            fitting = self._fitting_runs(indices)
            self._run(indices[:fitting])
            if fitting < len(indices):
                with suppress(TokensSpent):
                    while True:  # the branch does not finish: `_fitting_runs` says so
                        self.advance(indices[fitting])
                raise self._no_tokens()
        else:
            self._run(indices)
        return [self._columns[i][-1][0] for i in indices]

    def _run(self, indices: Sequence[int]) -> None:
        longest = 0
        for i in indices:
            tail = self._rest(i)
            self._tokens += tail
            longest = max(longest, tail)
            self._left[i] = 0
        self._running.difference_update(indices)
        self._latency += longest
        if indices:
            self.log.add(RUN, indices)

    def probe(self, i: int) -> str | None:
        self._end_lane()
        depth = self.depth(i)
        if i in self._pruned:
            raise IllegalAction(f"branch {i} was pruned")
        if depth == 0:
            raise IllegalAction(f"branch {i} has not been advanced: there is nothing to probe")
        if self._left[i] and i in self._unseen:
            price = self._recording.probe_cost
            if self.max_tokens is not None and self._tokens + price > self.max_tokens:
                raise self._no_tokens()
            self._unseen.discard(i)
            self._tokens += price
            self.log.add(PROBE, (i,))
        return self._columns[i][depth - 1][0]

    def prune(self, i: int) -> None:
        self._end_lane()
        self._check((i,))
        self._running.discard(i)
        self._pruned.add(i)
        self.log.add(PRUNE, (i,))

    def verify(self, i: int) -> float | None:
        self._end_lane()
        recording = self._recording
        if recording.verifier is None:
            raise IllegalAction(NO_VERIFIER)
        depth = self.depth(i)
        if i in self._pruned:
            raise IllegalAction(f"branch {i} was pruned")
        if depth == 0:
            raise IllegalAction(f"branch {i} has not been advanced: there is nothing to verify")
        if self._verified.get(i) != depth:
            if self.max_tokens is not None and self._tokens + recording.verify_cost > self.max_tokens:
                raise self._no_tokens()
            self._verified[i] = depth
            self._tokens += recording.verify_cost
            self.log.add(VERIFY, (i,))
        return self._number(recording.verifier, i, depth)

    def fork(self, i: int) -> int:
        self._end_lane()
        if self._forks is None:
            raise IllegalAction(NO_FORKS)
        self._check((i,))
        depth, new = self.depth(i), len(self._rows)
        if depth == 0:
            raise IllegalAction(f"branch {i} has not been advanced: there is nothing to fork")
        if new >= self.max_branches:
            raise BudgetSpent(f"cannot fork branch {i}: {new} of at most {self.max_branches} are open")
        origin = self._recorded[self._source(i, depth)]
        if not self._forks.has(origin, depth):
            raise IllegalAction(f"no fork of branch {i} at depth {depth} is recorded, or all are open")
        child = self._forks.take(origin, depth)
        column, shared = self._recording.columns[child], self._columns[i][:depth]
        rest = column[depth:] or column[-1:]
        self._recorded.append(child)
        self._columns.append(shared + rest)
        self._rows.append(iter(rest))
        self._left.append(len(rest))
        self._running.add(new)
        self._forked[new] = (i, depth)
        if i in self._unseen:
            self._unseen.add(new)
        if self._verified.get(i) == depth:
            self._verified[new] = depth
        self.log.add(FORK, (i,))
        return new

    def _fitting(self, indices: Sequence[int], cost: int) -> int:
        """Return how many of the first branches of ``indices`` can each run an interval of ``cost`` tokens."""
        left = (self.max_tokens or 0) - self._tokens
        for n, i in enumerate(indices):
            left -= max(cost, self._rest(i)) if self._left[i] == 1 else cost
            if left < 0:
                return n
        return len(indices)

    def _fitting_runs(self, indices: Sequence[int]) -> int:
        """Return how many of the first branches of ``indices`` can run to their ends, one after another."""
        left = (self.max_tokens or 0) - self._tokens
        for n, i in enumerate(indices):
            whole = self._delta * (self._left[i] - 1)
            rest = self._rest(i)
            if whole + max(self._delta, rest - whole) > left:
                return n
            left -= rest
        return len(indices)

    def _no_tokens(self) -> TokensSpent:
        self.tokens_ran_out = True
        return TokensSpent(f"{self.tokens} of at most {self.max_tokens} tokens are spent")

    def _move(self, indices: Sequence[int], cost: int) -> None:
        """Advance the branches ``indices`` by one interval: ``cost`` tokens each, or the rest of one that finishes."""
        left = self._left
        ended = [i for i in indices if left[i] == 1]
        tails = list(map(self._rest, ended))
        for i in indices:
            left[i] -= 1
        going = len(indices) - len(ended)
        self._tokens += cost * going + sum(tails)
        self._running.difference_update(ended)
        self._latency += max((self._delta if going else 0, *tails))

    def _take_more(self, recording: Recording, order: Sequence[int]) -> None:
        super()._take_more(recording, order)
        self.__class__ = SignalledQuestion


class SignalledQuestion(ReplayQuestion):
    """A `ReplayQuestion` for a controller that declares more than answers; the others step faster without it."""

    __slots__ = ()

    def step(self, i: int, *names: str) -> Any:  # type: ignore[override]
        return self.step_many((i,), *names)[0]

    def step_many(self, indices: Sequence[int], *names: str) -> list[Any]:  # type: ignore[override]
        if names:
            check_signals(self, names)
        left = self._lane_left
        if left and indices == self._lane:
            self._lane_left = left - 1
            probes = list(next(self._lane_rows))
        else:
            probes = self._leave_lane(indices)
        return with_signals(self, indices, probes, names)


def kind(controller: DeclaredUse) -> type[ReplayQuestion]:
    """Return the kind of question that a controller gets."""
    return SignalledQuestion if controller.signals or controller.optional_signals else ReplayQuestion
