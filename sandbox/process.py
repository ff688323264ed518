"""Candidates in a separate interpreter: a guard against accidents, not against malice.

Each worker is an isolated interpreter with an empty environment, no inherited descriptors and no module path, with
limits on CPU time, memory, processes and file size, killed as a group when its time is over. It can still read what
its user can read and reach what its user can reach: run what you do not trust in a container.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np

from envs.episodes import Episodes

from . import wire
from .base import Candidate, Kind, Outcome, SandboxError, Verdict

_WORKER = Path(__file__).with_name("worker.py")
_PIPE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one worker may use."""

    episode_seconds: float = 20.0
    """Wall-clock seconds without a finished episode."""
    seconds: float | None = None
    """Wall-clock and CPU seconds in all; None for 60 and 50 milliseconds an episode."""
    memory: int = 1 << 30
    """Bytes of address space."""
    output: int = 1 << 16
    """Bytes that a candidate may print."""

    def total(self, episodes: int) -> float:
        """Return the wall-clock seconds that a worker may take for ``episodes``."""
        return self.seconds if self.seconds is not None else 60 + 0.05 * episodes

    def rlimits(self, episodes: int) -> dict[str, int]:
        """Return the limits that the worker sets on itself, as `resource` names them."""
        return {
            "RLIMIT_CPU": int(self.total(episodes)) + 1,
            "RLIMIT_AS": self.memory,
            "RLIMIT_NPROC": 0,
            "RLIMIT_FSIZE": 0,
            "RLIMIT_CORE": 0,
            "RLIMIT_NOFILE": 16,
        }


class ProcessSandbox:
    """A `sandbox.base.Sandbox` of plain processes.

    Args:
        workers: processes that share the episodes of a run.
        limits: what each may use.
    """

    name = "process"

    def __init__(self, workers: int = 1, limits: Limits | None = None) -> None:
        if workers < 1:
            raise ValueError(f"workers is {workers}, but must be at least 1")
        self.workers = workers
        self.limits = limits or Limits()

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> Outcome:
        """See `Sandbox.run`."""
        job = wire.Job(candidate, episodes)
        count = max(1, min(self.workers, len(episodes)))
        everything = np.arange(len(episodes), dtype=np.int64)
        race = _Race(progress)
        shards = [_Shard(job, everything[i::count], self.limits, race) for i in range(count)]
        threads = [threading.Thread(target=shard.run, daemon=True) for shard in shards]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # in slices, so that Ctrl-C is heard
        finally:
            race.stop.set()
            for shard in shards:
                shard.kill()
        for shard in shards:
            if shard.error is not None:
                raise SandboxError(f"the sandbox failed: {shard.error}") from shard.error
        failures = [shard.verdict for shard in shards if not shard.verdict.ok]
        if failures:
            return Outcome(min(failures, key=_position))
        frames = {index: frame for shard in shards for index, frame in shard.frames.items()}
        try:
            return Outcome(Verdict("ok"), job.logs(frames))
        except wire.BadFrame as bad:
            return Outcome(bad.verdict)


def _position(verdict: Verdict) -> int:
    return -1 if verdict.episode is None else verdict.episode


class _Race:
    """What the shards of one run know of each other: how far a failure has been found."""

    def __init__(self, progress: Callable[[int], None] | None) -> None:
        self.lock = threading.Lock()
        self.first_failure: int | None = None
        self.stop = threading.Event()
        self._progress = progress

    def failed(self, position: int) -> None:
        with self.lock:
            if self.first_failure is None or position < self.first_failure:
                self.first_failure = position

    def beaten(self, position: int) -> bool:
        """Whether a failure before ``position`` is known, so that what comes there cannot matter."""
        return self.stop.is_set() or (self.first_failure is not None and self.first_failure < position)

    def advanced(self, n: int) -> None:
        if self._progress is not None and n:
            with self.lock:
                self._progress(n)


class _Shard:
    """One worker process and the episodes that it is to run, watched by one thread."""

    def __init__(self, job: wire.Job, indices: np.ndarray[tuple[int], np.dtype[np.int64]], limits: Limits, race: _Race):
        self.job, self.indices, self.limits, self.race = job, indices, limits, race
        self.frames: dict[int, tuple[int, bytes]] = {}
        self.verdict = Verdict("ok")
        self.error: Exception | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._killed_for: Verdict | None = None

    def run(self) -> None:
        try:
            self.verdict = self._run()
        except Exception as error:
            self.error = error
            self.race.stop.set()
        finally:
            self.kill()
        if not self.verdict.ok:
            self.race.failed(_position(self.verdict))

    def kill(self) -> None:
        """Kill the worker with all that it started."""
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _run(self) -> Verdict:
        message = self.job.message(self.indices, self.limits.rlimits(len(self.indices)))
        process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(_WORKER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            close_fds=True,
            start_new_session=True,
            bufsize=0,
        )
        self._process = process
        assert process.stdin and process.stdout and process.stderr
        with process.stdin, process.stdout, process.stderr:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # a larger pipe only saves switches between the two processes
                    fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
            writer = threading.Thread(target=_feed, args=(process.stdin, message), daemon=True)
            writer.start()
            verdict = self._watch(process.stdout.fileno(), process.stderr.fileno())
            self.kill()
            writer.join(5)
        return verdict

    def _watch(self, results: int, prints: int) -> Verdict:
        """Read results and prints until the worker is done, dead, or out of time."""
        end = time.monotonic() + self.limits.total(len(self.indices))
        stalled = time.monotonic() + self.limits.episode_seconds
        buffer, printed, said = bytearray(), 0, b""
        with selectors.DefaultSelector() as selector:
            selector.register(results, selectors.EVENT_READ)
            selector.register(prints, selectors.EVENT_READ)
            while True:
                now = time.monotonic()
                if now > min(end, stalled):
                    return self._at_next("timeout", "no answer in time")
                if self.race.beaten(self._next()):
                    return Verdict("ok")
                for key, _ in selector.select(min(0.5, max(0.0, min(end, stalled) - now))):
                    data = os.read(key.fd, _PIPE)
                    if key.fd == prints:
                        printed += len(data)
                        said = (said + data)[-2000:]
                        if printed > self.limits.output:
                            return self._at_next("output", f"printed more than {self.limits.output} bytes")
                        if not data:
                            selector.unregister(prints)
                        continue
                    if not data:
                        return self._died(said)
                    buffer += data
                    before = len(self.frames)
                    verdict = self._take(buffer)
                    if len(self.frames) > before:
                        stalled = time.monotonic() + self.limits.episode_seconds
                        self.race.advanced(len(self.frames) - before)
                    if verdict is not None:
                        return verdict

    def _take(self, buffer: bytearray) -> Verdict | None:
        """Store the episodes that have arrived; return the verdict if that was all."""
        try:
            for kind, episode, answer, data in wire.parse(buffer):
                if kind == b"E" and len(self.frames) < len(self.indices) and episode == self._next():
                    if answer == wire.NOT_A_TOKEN:
                        return self._at_next("illegal_answer", "the answer is not one that a branch had shown")
                    self.frames[episode] = (answer, data)
                elif kind == b"F":
                    return self._failure(data)
                elif kind == b"D" and len(self.frames) == len(self.indices):
                    return Verdict("ok")
                elif kind != b"R":
                    return self._at_next("protocol", "results out of order")
        except wire.BadFrame as bad:
            return self._at_next(bad.verdict.kind, bad.verdict.message)
        return None

    def _failure(self, data: bytes) -> Verdict:
        try:
            said = json.loads(data)
            kind, message, episode = said["kind"], str(said["message"]), said["episode"]
            if kind not in get_args(Kind) or kind == "ok" or episode not in (None, self._next()):
                raise ValueError(kind)
        except (ValueError, KeyError, TypeError):
            return self._at_next("protocol", "garbage among the results")
        return Verdict(kind, _where(message, self.job.episodes, episode), episode)

    def _died(self, said: bytes) -> Verdict:
        """Return the verdict on a worker that closed its results before it was done."""
        assert self._process is not None
        try:
            code = self._process.wait(2)
        except subprocess.TimeoutExpired:
            return self._at_next("protocol", "closed its results and went on")
        tail = said.decode(errors="replace").strip().rpartition("\n")[2][:200]
        if code == -signal.SIGXCPU:
            return self._at_next("timeout", "out of CPU time")
        if "MemoryError" in tail:
            return self._at_next("memory", tail)
        if code < 0:
            return self._at_next("crash", f"died of {signal.Signals(-code).name}")
        if not self.frames and tail and code == 1:
            raise RuntimeError(f"the worker did not start: {tail}")
        return self._at_next("exit", f"ended its process with code {code}")

    def _next(self) -> int:
        """The episode that the worker is at."""
        return int(self.indices[min(len(self.frames), len(self.indices) - 1)])

    def _at_next(self, kind: Kind, message: str) -> Verdict:
        episode = self._next()
        return Verdict(kind, _where(message, self.job.episodes, episode), episode)


def _where(message: str, episodes: Episodes, episode: int | None) -> str:
    return message if episode is None else f"{message} [{episodes.describe(episode)}]"


def _feed(pipe: object, message: bytes) -> None:
    """Write the job; a worker that dies before it has read everything is noticed on its results."""
    with contextlib.suppress(OSError, ValueError):
        view = memoryview(message)
        while view:
            view = view[pipe.write(view) :]  # type: ignore[attr-defined]
