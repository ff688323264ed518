"""Replays recorded branches as a `Question`, without calls to a model.

Standard library only: this file also runs inside the sandbox.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from contextlib import suppress
from random import Random

from .question import BudgetSpent, IllegalAction, Probe, Question, TokensSpent

BRANCH, ADVANCE, PROBE, STEP, RUN, PRUNE = range(6)
"""The codes of actions in an action log."""

VERBS = ("branch", "advance", "probe", "step", "run", "prune")
"""The names of the action codes."""


class Recording:
    """The recorded branches of one question, ready for replay.

    Args:
        columns: the results of the steps of each branch; the last one is the final answer.
        total_tokens: the length of each branch in tokens.
        delta: tokens of one interval.
        probe_cost: tokens charged for each probe.
    """

    __slots__ = ("columns", "delta", "probe_cost", "total_tokens")

    def __init__(
        self, columns: Columns | list[list[Probe]], total_tokens: Sequence[int], delta: int, probe_cost: int = 0
    ) -> None:
        self.columns = columns
        self.total_tokens = total_tokens
        self.delta = delta
        self.probe_cost = probe_cost

    @classmethod
    def of(
        cls, answers: Sequence[Sequence[str | None]], total_tokens: Sequence[int], delta: int, probe_cost: int = 0
    ) -> Recording:
        """Return a recording from the answers of each branch: a probe answer for each interval, then the final one."""
        columns: list[list[Probe]] = [[(answer, False) for answer in column] for column in answers]
        for column in columns:
            column[-1] = (column[-1][0], True)
        return cls(columns, total_tokens, delta, probe_cost)


class Columns(dict[int, list[Probe]]):
    """The results of the steps of each branch. A column is made when it is first used.

    Args:
        pairs: the result of a step for each code. Branches share these pairs, which saves memory and speeds up
            comparisons.
        cells: the codes of all branches, one branch after another.
        offsets: the first cell of each branch, and the end of the last branch.
    """

    __slots__ = ("_cells", "_offsets", "_pairs")

    def __init__(self, pairs: Sequence[Probe], cells: Sequence[int], offsets: Sequence[int]) -> None:
        self._pairs = pairs
        self._cells = cells
        self._offsets = offsets

    def __missing__(self, branch: int) -> list[Probe]:
        codes = self._cells[self._offsets[branch] : self._offsets[branch + 1]]
        column = list(map(self._pairs.__getitem__, codes))
        column[-1] = (column[-1][0], True)
        self[branch] = column
        return column


class ActionLog:
    """The actions of an episode: one record for each call; equal steps in a row share one record.

    Record r has a verb, a number of repetitions, and the number of entries of ``indices`` that belong to it. Indices
    are branches, numbered in the order in which they were opened.
    """

    __slots__ = ("counts", "indices", "repeats", "verbs")

    def __init__(self) -> None:
        self.verbs: list[int] = []
        self.repeats: list[int] = []
        self.counts: list[int] = []
        self.indices: list[int] = []

    def add(self, verb: int, indices: Sequence[int], times: int = 1) -> None:
        """Append a record of ``verb`` on ``indices``."""
        self.verbs.append(verb)
        self.repeats.append(times)
        self.counts.append(len(indices))
        self.indices.extend(indices)

    def pack(self) -> bytes:
        """Return the log as bytes: the number of records (u32), then verbs (u8), repeats, counts, indices (u16)."""
        return b"".join(
            (
                array("I", (len(self.verbs),)).tobytes(),
                bytes(self.verbs),
                array("H", self.repeats).tobytes(),
                array("H", self.counts).tobytes(),
                array("H", self.indices).tobytes(),
            )
        )


class ReplayQuestion(Question):
    """A question that is answered from a `Recording`; its branches are opened in a given order.

    Usually a controller steps the same branches again and again. Such a sequence of calls is a *lane*: one `zip` over
    the columns of the branches yields the answers of a round at the cost of one tuple. A round only counts itself: its
    tokens are added up when somebody asks for them, and depths and log are updated when the lane ends.
    """

    __slots__ = (
        "_columns", "_delta", "_lane", "_lane_cost", "_lane_left", "_lane_rows", "_lane_size", "_latency", "_left",
        "_order", "_pruned", "_recording", "_rows", "_running", "_step_cost", "_tokens", "_unseen", "log",
        "max_branches", "max_tokens",
    )  # fmt: skip

    def __init__(
        self, recording: Recording, order: Sequence[int], max_branches: int, max_tokens: int | None = None
    ) -> None:
        self.max_branches = min(max_branches, len(order))
        self.max_tokens = max_tokens
        self.log = ActionLog()
        self._recording = recording
        self._order = order
        self._delta = recording.delta
        self._step_cost = recording.delta + recording.probe_cost
        self._tokens = 0
        self._latency = 0
        self._columns: list[list[Probe]] = []
        self._rows: list[Iterator[Probe]] = []
        self._left: list[int] = []  # advances until the branch has finished; 0 when it has
        self._running: set[int] = set()
        self._pruned: set[int] = set()
        self._unseen: set[int] = set()  # branches whose present depth has not been probed
        self._lane: Sequence[int] | None = None
        self._lane_rows: Iterator[tuple[Probe, ...]] = iter(())
        self._lane_size = 0  # rounds of the lane in all
        self._lane_left = 0  # those still to come
        self._lane_cost = 0

    # Actions

    def branch_many(self, n: int) -> list[int]:
        first = len(self._rows)
        if n < 0 or first + n > self.max_branches:
            raise BudgetSpent(f"cannot open {n} more branches: {first} of at most {self.max_branches} are open")
        self._end_lane()
        columns = list(map(self._recording.columns.__getitem__, self._order[first : first + n]))
        self._columns += columns
        self._rows += map(iter, columns)
        self._left += map(len, columns)
        opened = range(first, first + n)
        self._running.update(opened)
        if n:
            self.log.add(BRANCH, opened)
        return list(opened)

    def step_many(self, indices: Sequence[int]) -> list[Probe]:
        left = self._lane_left
        if left and indices == self._lane:
            self._lane_left = left - 1
            return list(next(self._lane_rows))
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
            return self.step_many(indices)
        probes = [next(self._rows[i]) for i in indices]
        self._move(indices, self._step_cost)
        self.log.add(STEP, indices)
        return probes

    def _step_first(self, indices: Sequence[int], n: int) -> TokensSpent:
        """Step the first ``n`` branches alone; return the error that says so."""
        self.step_many(indices[:n])
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

    # State

    def finished(self, i: int) -> bool:
        self._opened(i)
        return not self._left[i]

    def depth(self, i: int) -> int:
        self._opened(i)
        depth = len(self._columns[i]) - self._left[i]
        if self._lane is not None and i in self._lane:
            depth += self._lane_size - self._lane_left
        return depth

    @property
    def active(self) -> list[int]:
        return sorted(self._running)

    @property
    def width(self) -> int:
        return len(self._rows)

    @property
    def tokens(self) -> int:
        return self._tokens + (self._lane_size - self._lane_left) * self._lane_cost

    @property
    def latency(self) -> int:
        return self._latency + (self._lane_size - self._lane_left) * self._delta

    @property
    def latest_answers(self) -> dict[int, str | None]:
        self._end_lane()
        depths, answers = [0] * self.width, dict[int, str | None]()
        at = 0
        for verb, times, count in zip(self.log.verbs, self.log.repeats, self.log.counts, strict=True):
            for i in self.log.indices[at : at + count]:
                ends = len(self._columns[i])
                depths[i] = ends if verb == RUN else depths[i] + times * (verb in (STEP, ADVANCE))
                if verb in (STEP, PROBE) or (depths[i] == ends and verb != PRUNE):
                    answers[i] = self._columns[i][depths[i] - 1][0]
            at += count
        return {i: answers[i] for i in sorted(answers.keys() - self._pruned)}

    @property
    def can_step(self) -> bool:
        return self.max_tokens is None or self.tokens + self._step_cost <= self.max_tokens

    # Book-keeping

    def finish(self) -> ActionLog:
        """Return the complete log. Called once, after the controller has answered."""
        self._end_lane()
        return self.log

    def _end_lane(self) -> None:
        lane = self._lane
        if lane is None:
            return
        rounds = self._lane_size - self._lane_left
        if rounds:
            left = self._left
            for i in lane:
                left[i] -= rounds
            self._tokens += rounds * self._lane_cost
            self._latency += rounds * self._delta
            self.log.add(STEP, lane, rounds)
        self._lane = None
        self._lane_size = self._lane_left = 0

    def _opened(self, i: int) -> None:
        if not 0 <= i < len(self._rows):
            raise IllegalAction(f"branch {i} was never opened ({len(self._rows)} are open)")

    def _check(self, indices: Sequence[int]) -> None:
        """Refuse an action unless all ``indices`` are running and different."""
        if not self._running.issuperset(indices):
            for i in indices:
                self._opened(i)
                if i in self._pruned:
                    raise IllegalAction(f"branch {i} was pruned")
                if not self._left[i]:
                    raise IllegalAction(f"branch {i} has finished")
        if len(indices) > 1 and len(set(indices)) != len(indices):
            raise IllegalAction("one call cannot advance the same branch twice")

    def _rest(self, i: int) -> int:
        """Return the tokens from the present depth of branch ``i`` to its end."""
        return max(0, self._recording.total_tokens[self._order[i]] - self._delta * self.depth(i))

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


def shuffled(n: int, seed: int) -> list[int]:
    """Return the order in which a question's ``n`` branches are opened under ``seed``, as in the published data."""
    order = list(range(n))
    Random(seed).shuffle(order)
    return order
