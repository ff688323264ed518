"""The state of a question that is answered from recorded branches: depths, costs, signals, and the log.

Standard library only: this file also runs inside the sandbox.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .action_log import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, ActionLog
from .question import WITH_PROBE, IllegalAction, Probe, Question, unknown_signal
from .recording import NEAREST, BranchNumbers, RecordedForks, Recording


class ReplayState(Question):
    """What a `ReplayQuestion` knows of its branches.

    Usually a controller steps the same branches again and again. Such a sequence of calls is a *lane*: one `zip` over
    the columns of the branches yields the answers of a round at the cost of one tuple. A round only counts itself: its
    tokens are added up when somebody asks for them, and depths and log are updated when the lane ends.

    Args:
        recording: the branches, as the controller may see them (see `Recording.seen_by`).
        order: the branches in the order of opening, with forks among them (see `Recording.order`).
        max_branches: see `Question`.
        max_tokens: see `Question`.
    """

    __slots__ = (
        "_columns", "_delta", "_lane", "_lane_cost", "_lane_left", "_lane_rows", "_lane_size", "_latency", "_left",
        "_order", "_pruned", "_recorded", "_recording", "_rows", "_running", "_step_cost", "_tokens", "_unseen", "log",
        "max_branches", "max_tokens",
    )  # fmt: skip

    # for the class, as most questions have no forks and no verifier, and are made more quickly so
    _forks: RecordedForks | None = None
    _forked: dict[int, tuple[int, int]] = {}  # noqa: RUF012 - the branch and the depth at which a fork was opened
    _verified: dict[int, int] = {}  # noqa: RUF012 - the depth at which a branch was verified last

    def __init__(
        self, recording: Recording, order: Sequence[int], max_branches: int, max_tokens: int | None = None
    ) -> None:
        self.max_branches = min(max_branches, len(order))
        self.max_tokens = max_tokens
        self.log = ActionLog()
        self._recording = recording
        self._order = order
        self._recorded: list[int] = order  # type: ignore[assignment]  # read only, if nothing is forked
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
        if not recording.answers_only:
            self._take_more(recording, order)

    def _take_more(self, recording: Recording, order: Sequence[int]) -> None:
        """Take what ``recording`` holds beside answers."""
        self.signals = tuple(recording.signals)
        self.can_verify = recording.verifier is not None
        self._verified = {}
        if recording.parents is not None:
            self._order = [branch for branch in order if recording.parents[branch] < 0]
            self._recorded, self._forked, self.has_forks = [], {}, True
            nearest = recording.fork_rule == NEAREST
            self._forks = RecordedForks(recording.parents, recording.fork_depths, order, nearest)

    # State

    def can_fork(self, i: int) -> bool:
        depth = self.depth(i)
        if self._forks is None or i not in self._running or not depth or len(self._rows) >= self.max_branches:
            return False
        return self._forks.has(self._recorded[self._source(i, depth)], depth)

    def signal(self, i: int, name: str) -> float | None:
        return self.signal_many((i,), name)[0]

    def signal_many(self, indices: Sequence[int], name: str) -> list[float | None]:
        numbers = self._numbers(name)
        hidden = self._unseen if name.startswith(WITH_PROBE) else ()
        ran, lane = self._lane_size - self._lane_left, self._lane or ()
        together = not ran or lane == indices
        moved, ahead = (frozenset(), ran) if together else (frozenset(lane), 0)
        columns, left, recorded, forked = self._columns, self._left, self._recorded, self._forked
        values: list[float | None] = []
        for i in indices:
            if not 0 <= i < len(left):
                self._opened(i)
            depth = len(columns[i]) - left[i] + (ran if i in moved else ahead)
            if depth == 0 or (i in hidden and left[i]):
                values.append(None)
                continue
            row = numbers[recorded[self._source(i, depth) if i in forked else i]]
            value = row[depth - 1] if left[i] else row[-1]
            values.append(value if value == value else None)
        return values

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
    def branches_left(self) -> int:
        return min(self.max_branches - len(self._rows), len(self._order) + len(self._forked) - len(self._rows))

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
        at = opened = 0
        for verb, times, count in zip(self.log.verbs, self.log.repeats, self.log.counts, strict=True):
            opened += count if verb == BRANCH else verb == FORK
            for i in self.log.indices[at : at + count]:
                if verb == FORK:  # the new branch shares what was shown
                    depths[opened - 1] = depths[i]
                    if i in answers:
                        answers[opened - 1] = answers[i]
                    continue
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

    def _source(self, i: int, depth: int) -> int:
        """Return the branch whose recording holds interval ``depth`` of branch ``i``: itself, or one it comes from."""
        while i in self._forked and self._forked[i][1] >= depth:
            i = self._forked[i][0]
        return i

    def _numbers(self, name: str) -> BranchNumbers:
        """Return the recorded signal ``name``."""
        try:
            return self._recording.signals[name]
        except (KeyError, TypeError):
            raise IllegalAction(unknown_signal(name, self.signals)) from None

    def _number(self, numbers: BranchNumbers, i: int, depth: int) -> float | None:
        """Return the number of branch ``i`` at its present depth."""
        row = numbers[self._recorded[self._source(i, depth)]]
        value = row[depth - 1] if self._left[i] else row[-1]
        return None if value != value else value

    def _rest(self, i: int) -> int:
        """Return the tokens from the present depth of branch ``i`` to its end."""
        return max(0, self._recording.total_tokens[self._recorded[i]] - self._delta * self.depth(i))
