"""The sandbox of a cluster: cuts runs into shares, which the nodes play in sandboxes of their own."""

from __future__ import annotations

import copy
import queue
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from autotts.envs.episodes import Episodes

from ..base import SandboxError, SandboxLimits, SandboxUnavailable, log_message
from ..outcome import Candidate, SandboxOutcome
from ..share_schedule import Pace, Paces, ShareBoard
from ..wire import SealedBatch
from .link import ClusterLink, Results
from .messages import PATIENCE, BrokerSettings, NodeReport, NodeSettings
from .node import code_digest
from .play import ClusterRun, ShareResults
from .recorded import RecordedEnvironments

_WAIT = 0.25
"""Seconds between two looks for late shares."""


class RaySandbox:
    """A `sandbox.base.Sandbox` on the nodes of a Ray cluster, or of a Ray that it starts on this machine.

    A run is cut into shares, each a Ray task. Its node plays it in its own sandbox. A share whose worker or node is
    lost is played again elsewhere; each share counts once. What the episodes show of recorded environments is in the
    object store of the cluster; answers and scores stay on the host. Several threads may call `play` at the same time.

    Args:
        address: of the cluster; None starts Ray on this machine, until `close`.
        sandbox: what the nodes use: a name for `sandbox.choice.open_sandbox`.
        workers: CPUs of a Ray that is started here; the most shares at a time on a cluster. None for all.
        limits: the resources of each worker.
        runtime: the Docker runtime.
        notice: called with messages for the user; None logs them as warnings.
        patience: seconds in which a cluster that was lost must answer again.
        interpreter: of the candidates (see `sandbox.choice.open_sandbox`).

    Raises:
        InputError: Ray is not installed.
        SandboxError: the cluster, or a node of it, cannot be used.
    """

    def __init__(
        self, address: str | None = None, sandbox: str = "auto", workers: int | None = None,
        limits: SandboxLimits | None = None, runtime: str | None = None, notice: Callable[[str], None] | None = None,
        patience: float = PATIENCE, interpreter: str = "cpython",
    ) -> None:  # fmt: skip
        self._settings = NodeSettings(sandbox, limits or SandboxLimits(), runtime, interpreter, code_digest())
        self._link = ClusterLink(BrokerSettings(address, workers, self._settings), notice or log_message, patience)
        self._recorded = RecordedEnvironments(self._link)
        self._session: str | None = None
        self._paces = Paces()
        self._playing: set[object] = set()
        """The runs that play now, of all threads."""
        opened = {node.sandbox for node in self.nodes}
        self.name = opened.pop() if len(opened) == 1 else sandbox
        runs = {node.interpreter for node in self.nodes}
        self.interpreter = runs.pop() if len(runs) == 1 else "cpython"
        nodes = len(self.nodes)
        self.about = f"{self.nodes[0].about}; {self._link.where}: {nodes} node{'s'[: nodes > 1]}, {self.slots} CPUs"

    @property
    def nodes(self) -> tuple[NodeReport, ...]:
        """The nodes, as they were when the cluster was connected."""
        return tuple(node for node in self._link.nodes if not node.problem)

    @property
    def slots(self) -> int:
        """The number of shares that the nodes play at the same time."""
        return self._link.slots

    @property
    def candidates_at_once(self) -> int:
        """The number of candidates that keep all slots at work."""
        return max(1, self.slots)

    @contextmanager
    def reusing_workers(self) -> Iterator[Self]:
        """See `Sandbox.reusing_workers`."""
        reusing = copy.copy(self)
        reusing._session = secrets.token_hex(8)
        yield reusing  # the nodes stop the workers of a session that has ended

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.run`."""
        return self._play(ClusterRun.of_recorded(candidate, episodes, self._recorded), progress)

    def play(
        self, candidate: Candidate, batch: SealedBatch, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.play`."""
        return self._play(ClusterRun.of_sealed(candidate, batch), progress)

    def close(self) -> None:
        """See `Sandbox.close`."""
        self._link.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _play(self, run: ClusterRun, progress: Callable[[int], None] | None) -> SandboxOutcome:
        session = self._session or secrets.token_hex(8)
        mine = object()
        self._playing.add(mine)
        pace = self._paces.of(run.candidate.source)
        playing = _Play(run, self._link, session, self._settings, len(self._playing), pace)
        try:
            playing.until_done(progress)
        finally:
            playing.cancel_all()
            self._playing.discard(mine)
        return playing.results.outcome()


class _Play:
    """The shares of one run on the cluster; used by the thread that runs it."""

    def __init__(
        self, run: ClusterRun, link: ClusterLink, session: str, settings: NodeSettings, runs: int, pace: Pace
    ) -> None:
        self._run, self._link, self._session, self._settings = run, link, session, settings
        self._pace = pace
        self._parts = run.parts(link.slots, runs, pace.each)
        self.results = ShareResults(run, self._parts)
        self._queue: Results = queue.SimpleQueue()
        self._copies: dict[int, int] = {}
        """The share of each number that was submitted and has not ended."""
        self._board = ShareBoard(len(self._parts))

    def until_done(self, progress: Callable[[int], None] | None) -> None:
        """Have all shares played that matter for the outcome.

        Raises:
            SandboxError: the sandbox failed.
        """
        board = self._board
        for share in sorted(board.open):
            self._submit(share)
        while board.open:
            try:
                number, result = self._queue.get(timeout=_WAIT)
            except queue.Empty:
                self._copy_late()
                continue
            share = self._copies.pop(number, -1)
            if share not in board.open:
                continue  # another copy of it was faster
            if result.outcome is None:
                kind = SandboxUnavailable if result.unavailable else SandboxError
                raise kind(f"{result.error} (on node {result.node})" if result.node else result.error)
            board.ended(share, time.monotonic())
            if result.outcome.logs is not None:
                self._pace.add(len(self._parts[share]), result.seconds)
            self.results.add(share, result.outcome)
            needless = {each for each in board.open if not self.results.needed(each)}
            board.needless(needless)
            self._cancel({share} | needless)
            if progress is not None and result.outcome.logs is not None:
                try:
                    progress(len(self._parts[share]))
                except Exception as error:
                    raise SandboxError(f"the sandbox failed: {error}") from error

    def cancel_all(self) -> None:
        """Drop all shares that are still on the cluster."""
        self._link.cancel(tuple(self._copies))
        self._copies.clear()

    def _submit(self, share: int) -> None:
        made, blocks, inline = self._run.share(self._parts[share], self._session, self._settings)
        self._board.submitted(share, time.monotonic())
        self._copies[self._link.submit(made, blocks, inline, self._queue)] = share

    def _cancel(self, shares: set[int]) -> None:
        numbers = [number for number, share in self._copies.items() if share in shares]
        self._link.cancel(numbers)
        for number in numbers:
            del self._copies[number]

    def _copy_late(self) -> None:
        """Have late shares played a second time, if nothing else waits for the slots."""
        for share in self._board.late(time.monotonic(), self._link.slots - self._link.load):
            self._submit(share)
