"""The state of a live question: its branches, what they have cost and shown, and the log of the actions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from ..contract.replay import ADVANCE, RUN, ActionLog
from .answer_reader import AnswerReader
from .branch_signals import BranchSignals
from .exchange import Completion, Passage
from .settings import LiveSettings

RequestKind = Literal["interval", "run", "probe"]
"""An interval of a branch, the rest of a branch, or the answer of a probe."""


@dataclass(slots=True)
class LiveBranch:
    """One branch of a live question. Readers only: `LiveEpisode` alone changes it."""

    passage: Passage = field(default_factory=Passage)
    """The part generated so far; of a finished branch, all of it."""
    depth: int = 0
    """Intervals run; the last one may have been shorter."""
    tokens: int = 0
    """Tokens of the branch by the contract: whole intervals, and the rest of the last one."""
    cells: list[str | None] = field(default_factory=list)
    """(depth,) the answer at each depth, the final one last; None where there is none, or where it was not shown."""
    probed: bool = False
    """Whether the answer at the present depth was shown."""
    finished: bool = False
    pruned: bool = False
    lost: str = ""
    """Why the branch was lost: the message of `RequestLost`; "" if it was not."""
    answer: str | None = None
    """The latest answer that it has shown."""
    shown: bool = False
    """Whether it has shown an answer, be it an absent one."""
    refused_tokens: int = 0
    """Tokens that the next interval is known to need, from a refusal. Only servers that cannot continue tell it."""
    signals: BranchSignals = field(default_factory=BranchSignals)
    """What it carries at its present depth."""
    origin: int | None = None
    """Of a fork, the branch that generated the interval at which it was forked."""
    fork_depth: int = 0
    """The intervals that a fork shares with it."""
    verified: int = 0
    """The depth at which it was verified last."""

    def fork(self, origin: int) -> LiveBranch:
        """Return a branch that goes on from here, and has shown what this one has."""
        return replace(
            self, origin=origin, fork_depth=self.depth, cells=list(self.cells), signals=self.signals.fork()
        )  # fmt: skip

    @property
    def text(self) -> str:
        """The text generated so far."""
        return self.passage.text


@dataclass(frozen=True, slots=True)
class BranchReply:
    """What came of a request that continues a branch."""

    asked: int
    """The most tokens that the request allowed."""
    passage: Passage
    """The branch afterwards."""
    tokens: int
    """Tokens generated; at most ``asked``, and 0 if the request was lost."""
    ended: bool
    """Whether the branch cannot be continued: it ended, has no more tokens to give, or was lost."""
    lost: str
    """The reason if the request was lost, or ""."""
    seconds: float
    """Duration of the request, without the time in which it waited for its turn."""
    done: Completion | None = None
    """What the server generated; None if the request was lost."""


@dataclass(frozen=True, slots=True)
class ProbeReply:
    """What came of a probe."""

    text: str
    """The continuation of the suffix; "" if the request was lost."""
    suffix: str
    """The suffix that was sent."""
    ended: bool
    """Whether the model ended its answer; False if the limit on the tokens of a probe cut it off."""
    lost: str
    seconds: float
    done: Completion | None = None


@dataclass(frozen=True, slots=True)
class EpisodeObserver:
    """Functions that are told what happens in an episode. They must be quick, and must not raise."""

    on_change: Callable[[EpisodeState], None] | None = None
    """Called with the state after each action that changed it."""
    on_text: Callable[[int, str], None] | None = None
    """Called with a branch and each piece of its text as it arrives; makes all requests of branches streams."""
    on_completion: Callable[[int, int, RequestKind, Completion], None] | None = None
    """Called with a branch, its depth before the request, the kind of the request, and the completion."""


class EpisodeState:
    """What a live question has come to. Readers only: `envs.live.episode.LiveEpisode` alone changes it.

    Args:
        reader: finds the answers.
        settings: the interval, and the price of a probe.
        most_tokens: tokens of the longest branch.
        one_interval: whether a branch has one interval: all of it.
        in_thought: whether the prompt has opened the thoughts.
        observer: is told of changes.
    """

    def __init__(
        self,
        reader: AnswerReader,
        settings: LiveSettings,
        most_tokens: int,
        one_interval: bool,
        in_thought: bool,
        observer: EpisodeObserver,
    ) -> None:
        self.branches: list[LiveBranch] = []
        """The branches, in the order in which they were opened."""
        self.running: set[int] = set()
        """Branches that are neither finished nor pruned."""
        self.log = ActionLog()
        self.tokens = 0
        """Tokens spent so far, by the contract."""
        self.latency = 0
        """Tokens on the critical path so far, by the contract."""
        self.notes: list[str] = []
        """A line for each request that was lost."""
        self.early: dict[int, BranchReply] = {}
        """Branches that have ended inside an action that still runs."""
        self.one_interval = one_interval
        self.probes: dict[tuple[int, int], ProbeReply] = {}
        """The probes by `source` and depth: branches that stand at the same place have one answer."""
        self.scores: dict[tuple[int, int], float | None] = {}
        """The verifier's scores by `source` and depth."""
        self.read: dict[tuple[int, int], dict[str, float | None]] = {}
        """The signals that the controller has read, by `source` and depth."""
        self.names_read: set[str] = set()
        """The names of signals for which the controller has asked."""
        self.used_forks = False
        """Whether the controller has asked for a fork, or whether there is one."""
        self.used_verifier = False
        """Whether the controller has asked for a score."""
        self._reader = reader
        self._classes = reader.classes()
        self._delta = settings.delta
        self._most_tokens = most_tokens
        self._in_thought = in_thought
        self._observer = observer

    def source(self, i: int) -> int:
        """Return the branch that generated the present interval of branch ``i``: itself, or one it was forked from."""
        branch = self.branches[i]
        return i if branch.origin is None or branch.depth > branch.fork_depth else branch.origin

    def fork(self, i: int) -> int:
        """Open a branch that stands where branch ``i`` stands, and return its index."""
        new = len(self.branches)
        self.branches.append(self.branches[i].fork(self.source(i)))
        self.running.add(new)
        return new

    def cells(self, i: int) -> list[str | None]:
        """Return the answers of branch ``i`` by depth, with those that a fork has shown of its intervals."""
        cells = list(self.branches[i].cells)
        for other in self.branches:
            depth = other.fork_depth
            if other.origin == i and cells[depth - 1] is None:
                cells[depth - 1] = other.cells[depth - 1]
        return cells

    def most_tokens(self, i: int) -> int:
        """Return the tokens that branch ``i`` may still run."""
        return self._most_tokens - self._delta * self.branches[i].depth

    def is_end(self, i: int, reply: BranchReply) -> bool:
        """Return whether branch ``i`` is finished with ``reply``."""
        return reply.ended or reply.asked >= self.most_tokens(i)

    def shown(self) -> dict[int, str | None]:
        """Return the latest answer that each branch has shown. Pruned branches are left out."""
        return {i: branch.answer for i, branch in enumerate(self.branches) if branch.shown and not branch.pruned}

    def shown_so_far(self) -> dict[int, str | None]:
        """Return `shown`, and the answers of `early`."""
        classes = self._classes.copy()
        early = {i: classes.representative(self._final(self.early[i])) for i in sorted(self.early)}
        return dict(sorted((self.shown() | early).items()))

    def record(self, verb: int, indices: Sequence[int], again: bool = False) -> None:
        """Append an action to the log, or count the last one once more, and tell the observer."""
        if again:
            self.log.repeats[-1] += 1
        else:
            self.log.add(verb, indices)
        if self._observer.on_change is not None:
            self._observer.on_change(self)

    def move(self, indices: Sequence[int], replies: Sequence[BranchReply], cost: int) -> None:
        """Apply one interval of each branch: ``cost`` tokens, or the rest of a branch that finishes."""
        tails: list[int] = []
        going = 0
        for i, reply in zip(indices, replies, strict=True):
            if self.is_end(i, reply):
                self._end(i, reply, 1)
                tails.append(reply.tokens)
            else:
                self._go_on(i, reply, 1)
                going += 1
        self.tokens += cost * going + sum(tails)
        self.latency += max((self._delta if going else 0, *tails))

    def run(self, indices: Sequence[int], replies: Sequence[BranchReply]) -> None:
        """Apply the rests of branches."""
        for i, reply in zip(indices, replies, strict=True):
            self._end(i, reply, 1 if self.one_interval else max(1, -(-reply.tokens // self._delta)))
        self.tokens += sum(reply.tokens for reply in replies)
        self.latency += max((reply.tokens for reply in replies), default=0)
        if indices:
            self.record(RUN, indices)

    def run_in_part(self, i: int, reply: BranchReply) -> None:
        """Apply the whole intervals of a branch that has not reached its end."""
        intervals = reply.asked // self._delta
        self._go_on(i, reply, intervals)
        for _ in range(intervals):
            self.tokens += self._delta
            self.latency += self._delta
            self.record(ADVANCE, (i,))

    def _go_on(self, i: int, reply: BranchReply, intervals: int) -> None:
        branch = self.branches[i]
        branch.passage = reply.passage
        branch.depth += intervals
        branch.tokens += self._delta * intervals
        branch.cells += [None] * intervals
        branch.probed = False
        branch.signals.ran(reply.done, reply.tokens if self.one_interval else self._delta)

    def _final(self, reply: BranchReply) -> str | None:
        return None if reply.lost else self._reader.final(reply.passage.text, self._in_thought)

    def _end(self, i: int, reply: BranchReply, intervals: int) -> None:
        branch = self.branches[i]
        self.running.discard(i)
        self.early.pop(i, None)
        branch.passage, branch.lost, branch.finished = reply.passage, reply.lost, True
        branch.depth += intervals
        branch.tokens += reply.tokens
        branch.refused_tokens = 0
        answer = self._final(reply)
        branch.answer = self._classes.representative(answer)
        branch.shown = True
        last = max(0, reply.tokens - (intervals - 1) * self._delta)
        branch.signals.ran(reply.done, last, answer, ended=True)
        branch.cells += [*[None] * (intervals - 1), branch.answer]
        if reply.lost:
            self.notes.append(f"branch {i}, depth {branch.depth}: lost: {reply.lost}")

    def show_probe(self, i: int, reply: ProbeReply) -> None:
        """Apply the answer of branch ``i`` at its present depth."""
        branch = self.branches[i]
        answer = None if reply.lost else self._reader.probe(reply.suffix, reply.text, reply.ended)
        branch.answer = branch.cells[-1] = self._classes.representative(answer)
        branch.probed = branch.shown = True
        branch.signals.probed(reply.done, answer)
        self.probes[self.source(i), branch.depth] = reply
        if reply.lost:
            self.notes.append(f"branch {i}, depth {branch.depth}: probe lost: {reply.lost}")
