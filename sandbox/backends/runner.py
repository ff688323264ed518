"""The base class of all sandboxes: it feeds workers, enforces their limits, and turns failures into verdicts."""

from __future__ import annotations

import copy
import selectors
import signal
import threading
import time
from abc import ABC, abstractmethod
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import Self

import numpy as np

from autotts.envs.episodes import Episodes
from autotts.envs.plain_text import message_line

from .. import wire
from ..base import SandboxError, SandboxLimits
from ..kept_logs import BadFrame, KeptLogs, LogBudget, logs_in_order
from ..outcome import Candidate, Kind, SandboxOutcome, Verdict
from .idle_workers import IdleWorkers
from .workers import PIPE, Worker

_GATHER = 0.002
"""Seconds for which results gather before the next read: to wake for each of them costs more than to read it."""
_MANY = 64
"""Episodes of a process that must still come for that: the last results are read at once."""
_START_SECONDS = 60.0
"""Seconds that a worker may take to start, on a machine that has much else to do."""
_LAST_READS = 16
"""Reads for prints after the end of a run."""
Part = np.ndarray[tuple[int], np.dtype[np.int64]]
"""(n,) indices of the episodes of one process."""


class WorkerSandbox(ABC):
    """A `sandbox.base.Sandbox` that runs workers; a subclass says how to start one.

    Args:
        workers: the number of workers that share the episodes of a run.
        limits: the resources of each worker.
        interpreter: ``cpython``, or ``pypy``.
    """

    name: str
    about: str

    def __init__(self, workers: int = 1, limits: SandboxLimits | None = None, interpreter: str = "cpython") -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}, but must be at least 1")
        self.interpreter = interpreter
        self.workers = workers
        self.limits = limits or SandboxLimits()
        self._idle_workers: IdleWorkers | None = None

    @abstractmethod
    def start(self) -> Worker:
        """Start a new worker, send it `wire.setup`, and return it.

        Raises:
            SandboxError: the worker could not be started.
        """

    def close(self) -> None:  # noqa: B027 - most sandboxes hold nothing
        """See `Sandbox.close`."""

    @contextmanager
    def reusing_workers(self) -> Iterator[Self]:
        """See `Sandbox.reusing_workers`."""
        reusing = copy.copy(self)
        with IdleWorkers() as reusing._idle_workers:
            yield reusing

    def take(self) -> Worker:
        """Return an idle worker from an earlier run of the same candidate, or a new worker."""
        return self._idle_workers.take(self.start) if self._idle_workers is not None else self.start()

    def give(self, worker: Worker) -> None:
        """Take back a worker whose run has ended without an error."""
        if self._idle_workers is not None:
            self._idle_workers.give(worker)
        else:
            worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.run`."""
        return self.play(candidate, wire.SealedBatch.of(episodes), progress)

    def play(
        self, candidate: Candidate, batch: wire.SealedBatch, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        """See `Sandbox.play`."""
        job = wire.SandboxJob(candidate, batch)
        shared = _SharedState(progress)
        budget = LogBudget(len(batch))
        shards = [_Shard(job, share, self, shared, budget) for share in batch.shares(self.workers)]
        threads = [threading.Thread(target=shard.run, daemon=True) for shard in shards]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # in short waits, so that Ctrl-C takes effect
        finally:
            shared.stop.set()
            for shard in shards:
                shard.stop()
        for shard in shards:
            if isinstance(shard.error, SandboxError):
                raise shard.error
            if shard.error is not None:
                raise SandboxError(f"the sandbox failed: {shard.error}") from shard.error
        printed = b"".join(shard.printed for shard in shards)[: wire.PRINTED + 1]
        failures = [shard.verdict for shard in shards if not shard.verdict.ok]
        if failures:
            return SandboxOutcome(min(failures, key=_position), printed=printed)
        try:
            return SandboxOutcome(Verdict("ok"), logs_in_order([(s.indices, s.kept) for s in shards]), printed)
        except BadFrame as bad:
            return SandboxOutcome(bad.verdict, printed=printed)


def _position(verdict: Verdict) -> int:
    return -1 if verdict.episode is None else verdict.episode


class _SharedState:
    """The state that the shards of one run share: the first failure so far, and whether to stop."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.lock = threading.Lock()
        self.first_failure: int | None = None
        self.stop = threading.Event()
        self._progress = progress

    def failed(self, position: int) -> None:
        with self.lock:
            if self.first_failure is None or position < self.first_failure:
                self.first_failure = position

    def failed_before(self, position: int) -> bool:
        """Whether the run stops or failed before ``position``, so that results from ``position`` on do not matter."""
        return self.stop.is_set() or (self.first_failure is not None and self.first_failure < position)

    def advanced(self, n: int) -> None:
        if self._progress is not None and n:
            with self.lock:
                self._progress(n)


class _Shard:
    """One worker and its share of the episodes, which it plays process by process. One thread watches it."""

    def __init__(
        self, job: wire.SandboxJob, parts: list[Part], runner: WorkerSandbox, shared: _SharedState, budget: LogBudget
    ) -> None:
        self.job, self.parts, self.runner, self.shared = job, parts, runner, shared
        self.limits = runner.limits
        self.indices = np.concatenate(parts)
        self._order = array("q", self.indices.tobytes())  # gives numbers of Python, and sooner than an array of NumPy
        self.ends = np.cumsum([len(part) for part in parts]).tolist()
        self.kept = KeptLogs(budget)
        self.verdict = Verdict("ok")
        self.error: Exception | None = None
        self._worker: Worker | None = None
        self._ready = self._ended_well = False
        self._loaded = self._done = False  # whether the process of this part has said so
        self._started = 0  # parts that have been sent
        self._printed, self._last_output = 0, b""
        self.printed = b""
        self._outgoing = memoryview(b"")

    def run(self) -> None:
        try:
            worker = self._worker = self.runner.take()
            self.verdict = self._watch(worker)
            if self.job.batch.prints:
                self._read_prints(worker)
            if self._ended_well:
                self._worker = None
                self.runner.give(worker)
        except Exception as error:
            self.error = error
            self.shared.stop.set()
        finally:
            self.stop()
        if not self.verdict.ok:
            self.shared.failed(_position(self.verdict))

    def stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()

    def _send(self, worker: Worker) -> None:
        """Send the next part, for which the worker starts a new process; before the first one, the candidate."""
        part = self.parts[self._started]
        self._started += 1
        self._loaded = self._done = False
        limits = self.limits.rlimits(len(part), self.runner.interpreter)
        message = self.job.message(part, limits)
        if worker.source != self.job.candidate.source:
            worker.source, message = self.job.candidate.source, wire.source_message(self.job.candidate) + message
        self._outgoing = memoryview(message)

    def _watch(self, worker: Worker) -> Verdict:
        """Feed the worker and read from it until it is done, dead, or out of time."""
        end = time.monotonic() + self.limits.total(len(self.indices))
        stalled = time.monotonic() + self.limits.episode_seconds + (0 if worker.ready else _START_SECONDS)
        buffer = bytearray()
        self._send(worker)
        with selectors.DefaultSelector() as incoming, selectors.DefaultSelector() as both:
            for selector in (incoming, both):
                for source in worker.sources():
                    selector.register(source, selectors.EVENT_READ)
            sink = worker.sink()
            if sink in worker.sources():
                both.modify(sink, selectors.EVENT_READ | selectors.EVENT_WRITE)
            else:
                both.register(sink, selectors.EVENT_WRITE)
            while True:
                now = time.monotonic()
                if now > min(end, stalled):
                    return self._at_next("timeout", "no answer in time")
                if self.shared.failed_before(self._next()):
                    return Verdict("ok")
                selector = both if self._outgoing else incoming
                for key, events in selector.select(min(0.5, max(0.0, min(end, stalled) - now))):
                    if events & selectors.EVENT_WRITE:
                        with suppress(OSError):  # if the worker died, the end of its results shows it
                            self._outgoing = self._outgoing[worker.write(self._outgoing[:PIPE]) :]
                    if not events & selectors.EVENT_READ:
                        continue
                    for results, data in worker.read(key.fd):
                        if not results:
                            self._printed += len(data)
                            self._last_output = (self._last_output + data)[-2000:]
                            self._keep(data)
                            if self._printed > self.limits.output:
                                return self._at_next("output", f"printed more than {self.limits.output} bytes")
                            if not data:
                                incoming.unregister(key.fd)
                                both.unregister(key.fd)
                            continue
                        if not data:
                            return self._lost(worker)
                        buffer += data
                        before = len(self.kept)
                        verdict = self._take(worker, buffer)
                        if self._ready and not worker.ready:
                            worker.ready = True
                            stalled = time.monotonic() + self.limits.episode_seconds
                        if len(self.kept) > before:
                            stalled = time.monotonic() + self.limits.episode_seconds
                            self.shared.advanced(len(self.kept) - before)
                        if verdict is not None:
                            self._ended_well = verdict.ok and not buffer
                            return verdict
                if self.ends[self._started - 1] - len(self.kept) > _MANY and not self._outgoing:
                    self.shared.stop.wait(_GATHER)

    def _keep(self, printed: bytes) -> None:
        if self.job.batch.prints:
            self.printed = (self.printed + printed)[: wire.PRINTED + 1]

    def _read_prints(self, worker: Worker) -> None:
        """Read what the candidate had printed when its last result came."""
        with selectors.DefaultSelector() as waiting:
            for source in worker.sources():
                waiting.register(source, selectors.EVENT_READ)
            for _ in range(_LAST_READS):  # a process that writes without end is not read without end
                for key, _ in waiting.select(0):
                    for results, data in worker.read(key.fd):
                        if not data:
                            waiting.unregister(key.fd)
                        elif not results:
                            self._keep(data)

    def _take(self, worker: Worker, buffer: bytearray) -> Verdict | None:
        """Store the episodes that have arrived. Return the verdict if the worker is done or has failed, else None."""
        try:
            for kind, episode, answer, data in wire.parse(buffer, self._largest_log):
                done = len(self.kept) == self.ends[self._started - 1]
                if kind == b"E" and not done and episode == self._next():
                    if answer == wire.NOT_A_TOKEN:
                        return self._at_next("illegal_answer", "the answer is not one that a branch had shown")
                    self.kept.add(self.job.answer(episode, answer), data)
                    self._loaded = True
                elif kind == b"F":
                    failed = wire.failure(data, self._next())
                    return Verdict(failed.kind, self._where(failed.message, failed.episode), failed.episode)
                elif kind == b"X" and not done:
                    return self._died(answer)
                elif kind == b"X" and self._started == len(self.parts):
                    return Verdict("ok")
                elif kind == b"X":
                    self._send(worker)
                elif kind == b"Z" and not self._ready:
                    self._ready = True
                elif kind == b"R" and not self._loaded:
                    self._loaded = True
                elif kind == b"D" and done and not self._done:
                    self._done = True
                else:
                    return self._at_next("protocol", "results out of order")
        except BadFrame as bad:
            if bad.verdict.kind == "output":  # all workers of a run share this budget: no episode is to blame
                return bad.verdict
            return self._at_next(bad.verdict.kind, bad.verdict.message)
        return None

    def _largest_log(self) -> int:
        return self.job.largest_log(self._next())

    def _died(self, code: int) -> Verdict:
        """Return the verdict on a process that ended before its episodes were done."""
        tail = self._tail()
        if code == -signal.SIGXCPU:
            return self._at_next("timeout", "out of CPU time")
        if "MemoryError" in tail:
            return self._at_next("memory", tail)
        if code < 0:
            return self._at_next("crash", f"died of signal {-code}")
        return self._at_next("exit", f"ended its process with code {code}")

    def _lost(self, worker: Worker) -> Verdict:
        """Return the verdict on a candidate whose worker has ended too."""
        how = worker.ended()
        if not self._ready:
            raise SandboxError(f"the worker did not start: {how} {self._tail()}".strip())
        return self._at_next("crash", f"the worker was lost: {how}")

    def _tail(self) -> str:
        return message_line(self._last_output.decode(errors="replace").strip().rpartition("\n")[2], 200)

    def _next(self) -> int:
        """Return the index of the episode that the worker plays now."""
        return self._order[min(len(self.kept), len(self._order) - 1)]

    def _at_next(self, kind: Kind, message: str) -> Verdict:
        episode = self._next()
        return Verdict(kind, self._where(message, episode), episode)

    def _where(self, message: str, episode: int | None) -> str:
        return message if episode is None else f"{message} [{self.job.batch.describe(episode)}]"
