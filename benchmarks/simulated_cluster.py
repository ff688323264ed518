"""A cluster in simulated time: nodes, stragglers, failures, and a queue of tasks. For `benchmarks.scheduling`."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from autotts.sandbox.share_schedule import Pace, ShareBoard, share_size

TASK_SECONDS = 0.01
"""Seconds that a node spends on a task beside its episodes: messages, a new process."""
LOOK = 0.25
"""Seconds between two looks for late shares, as in `sandbox.cluster.sandbox`."""


@dataclass(frozen=True, slots=True)
class Troubles:
    """What goes wrong. Times are in seconds."""

    straggling: float = 0.02
    """Probability that a task is slow."""
    slowdown: tuple[float, float] = (3.0, 10.0)
    """A slow task takes so many times as long, uniformly drawn."""
    between_failures: float = 4 * 3600.0
    """Mean time between two failures of a node; exponential."""
    detection: float = 10.0
    """Time until the tasks of a failed node are given to others."""
    repair: float = 120.0
    """Time until a failed node works again."""


class SimulatedCluster:
    """Nodes that play one share at a time, first come, first served.

    Args:
        nodes: the number of nodes.
        chance: draws stragglers and failures.
        troubles: what goes wrong.
    """

    def __init__(self, nodes: int, chance: Random, troubles: Troubles) -> None:
        self.now = 0.0
        self.busy = self.useful = 0.0
        """Seconds of all nodes with a task, and those whose result counted."""
        self.failures = self.copies = 0
        self.intervals: list[tuple[int, float, float, bool]] = []
        """Node, begin, end, and whether the result counted, of each task."""
        self.nodes = nodes
        self._chance, self._troubles = chance, troubles
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._free = list(range(nodes))[::-1]
        self._working: dict[int, _Task] = {}
        self._queue: deque[_Task] = deque()
        self.plays: set[SimulatedPlay] = set()
        self._looking = False
        for node in range(nodes):
            self._later(chance.expovariate(1 / troubles.between_failures), lambda node=node: self._fail(node))

    @property
    def free(self) -> int:
        """Slots that no task waits for."""
        return max(0, len(self._free) - len(self._queue))

    def run(self, done: Callable[[], bool]) -> None:
        """Let time pass until ``done``."""
        while not done():
            self.now, _, event = heapq.heappop(self._events)
            event()

    def submit(self, play: SimulatedPlay, share: int, seconds: float) -> None:
        """Queue a share of a play, which takes so many seconds on a sound node."""
        self._queue.append(_Task(play, share, seconds))
        self._give()

    def later(self, seconds: float, event: Callable[[], None]) -> None:
        """Call ``event`` after so many seconds."""
        self._later(seconds, event)

    def cancel(self, play: SimulatedPlay, share: int) -> None:
        """End the other copies of a share, whose result is here."""
        self._queue = deque(task for task in self._queue if (task.play, task.share) != (play, share))
        for node, task in list(self._working.items()):
            if (task.play, task.share) == (play, share):
                self._release(node, task, counts=False)

    def _later(self, seconds: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._numbers), event))

    def _give(self) -> None:
        while self._free and self._queue:
            node, task = self._free.pop(), self._queue.popleft()
            slow = self._chance.random() < self._troubles.straggling
            factor = self._chance.uniform(*self._troubles.slowdown) if slow else self._chance.uniform(0.95, 1.05)
            task.began = self.now
            self._working[node] = task
            self._later(TASK_SECONDS + task.seconds * factor, lambda node=node, task=task: self._end(node, task))
        if not self._looking and self.plays:
            self._looking = True
            self._later(LOOK, self._look)

    def _look(self) -> None:
        """Submit copies of late shares while slots are free."""
        self._looking = False
        for play in sorted(self.plays, key=lambda play: play.number):
            for share in play.board.late(self.now, self.free):
                self.copies += 1
                play.copied.add(share)
                play.submit(share)
        if self.plays and not self._looking:
            self._looking = True
            self._later(LOOK, self._look)

    def _end(self, node: int, task: _Task) -> None:
        if self._working.get(node) is not task:
            return  # the node has failed, or the task was cancelled
        counts = task.share in task.play.board.open
        self._release(node, task, counts)
        if counts and task.share in task.play.copied:
            self.cancel(task.play, task.share)
        task.play.ended(task.share, self.now - task.began)
        self._give()

    def _release(self, node: int, task: _Task, counts: bool) -> None:
        del self._working[node]
        self._free.append(node)
        self._count(node, task, counts)

    def _count(self, node: int, task: _Task, counts: bool) -> None:
        spent = self.now - task.began
        self.busy += spent
        self.useful += spent if counts else 0.0
        self.intervals.append((node, task.began, self.now, counts))

    def _fail(self, node: int) -> None:
        self.failures += 1
        task = self._working.pop(node, None)
        if task is not None:
            self._count(node, task, counts=False)
            self._later(self._troubles.detection, lambda: self._again(task))
        else:
            self._free = [each for each in self._free if each != node]
        self._later(self._troubles.repair, lambda: self._repair(node))

    def _again(self, task: _Task) -> None:
        if task.share in task.play.board.open:
            self._queue.appendleft(_Task(task.play, task.share, task.seconds))
            self._give()

    def _repair(self, node: int) -> None:
        self._free.append(node)
        self._later(self._chance.expovariate(1 / self._troubles.between_failures), lambda: self._fail(node))
        self._give()


@dataclass(slots=True, eq=False)
class _Task:
    play: SimulatedPlay
    share: int
    seconds: float
    began: float = 0.0


@dataclass(slots=True, eq=False)
class SimulatedPlay:
    """One run of the sandbox: cut into shares as a cluster cuts it (`sandbox.share_schedule`)."""

    cluster: SimulatedCluster
    number: int
    episodes: int
    seconds_each: float
    """Seconds of a node for an episode."""
    pace: Pace
    done: Callable[[], None]
    board: ShareBoard = field(init=False)
    copied: set[int] = field(default_factory=set)
    """Shares that have a second copy."""
    _sizes: list[int] = field(init=False)

    def start(self) -> None:
        """Cut the run, and submit all shares."""
        self.cluster.plays.add(self)
        size = share_size(self.episodes, self.cluster.nodes, len(self.cluster.plays), self.pace.each)
        count = -(-self.episodes // size)
        self._sizes = [self.episodes // count + (i < self.episodes % count) for i in range(count)]
        self.board = ShareBoard(count)
        for share in range(count):
            self.submit(share)

    def submit(self, share: int) -> None:
        """Submit a share, or a copy of it."""
        self.board.submitted(share, self.cluster.now)
        self.cluster.submit(self, share, self._sizes[share] * self.seconds_each)

    def ended(self, share: int, seconds: float) -> None:
        """Take the result of a share or of a copy, for which a node took so many seconds."""
        if not self.board.ended(share, self.cluster.now):
            return
        self.pace.add(self._sizes[share], seconds)
        if not self.board.open:
            self.cluster.plays.discard(self)
            self.done()


def chain(
    cluster: SimulatedCluster, numbers: itertools.count[int], stages: Sequence[tuple[int, float]],
    done: Callable[[], None], pace: Pace | None = None,
) -> None:  # fmt: skip
    """Play stages (episodes, seconds for each) one after another: the steps of a candidate, and its audit at last."""
    (episodes, seconds), *rest = stages
    pace = pace or Pace()
    after = (lambda: chain(cluster, numbers, rest, done, pace)) if rest else done
    SimulatedPlay(cluster, next(numbers), episodes, seconds, pace, after).start()
