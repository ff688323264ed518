"""A sandbox without processes and threads that take turns: every order of events, repeatable from a seed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any, Self

import numpy as np

from autotts.agent.loop.overlap.background import EndedWork
from autotts.envs.episodes import Episodes, Logs
from autotts.sandbox.audit.look_ahead import extent_of
from autotts.sandbox.base import Sandbox, SandboxError
from autotts.sandbox.evaluation import LoggedEvaluation
from autotts.sandbox.outcome import Candidate, SandboxOutcome, Verdict

from ...environments import play

CHEATS, FAILS, POOR = "# cheats", "# fails", "# poor"


class Interleaved:
    """A `Background` whose pieces of work run one at a time; a seed draws which of them goes on at each `pause`."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._turns: dict[int, threading.Semaphore] = {}
        self._ended: dict[int, EndedWork] = {}
        self._back = threading.Semaphore(0)
        self._mine = threading.local()
        self.most = 0
        """The most pieces of work that were under way at the same time."""

    def start(self, key: int, work: Callable[[], None]) -> None:
        turn = self._turns[key] = threading.Semaphore(0)
        self.most = max(self.most, len(self._turns))

        def run() -> None:
            self._mine.turn = turn
            turn.acquire()
            error: BaseException | None = None
            try:
                work()
            except BaseException as raised:
                error = raised
            self._ended[key] = EndedWork(key, error)
            self._back.release()

        threading.Thread(target=run, daemon=True).start()

    def pause(self) -> None:
        """Let others go on; called in the sandbox. Does nothing in a thread that is no work of this background."""
        turn = getattr(self._mine, "turn", None)
        if turn is not None:
            self._back.release()
            turn.acquire()

    def wait(self) -> EndedWork:
        while not self._ended:
            self._go_on(self._chance.choice(sorted(self._turns)))
        key, ended = self._ended.popitem()
        del self._turns[key]
        return ended

    def close(self) -> None:
        while self._turns:
            for key in sorted(self._turns):
                while key not in self._ended:
                    self._go_on(key)
                del self._turns[key], self._ended[key]

    def _go_on(self, key: int) -> None:
        self._turns[key].release()
        self._back.acquire()


class FakeSandbox(Sandbox):
    """Plays in this process. A source that `FAILS` fails in question 1 at beta 1."""

    name, about = "process", "none"

    def __init__(self, pause: Callable[[], None] = lambda: None) -> None:
        self.pause = pause
        self.played = 0

    def run(
        self, candidate: Candidate, episodes: Episodes, progress: Callable[[int], None] | None = None
    ) -> SandboxOutcome:
        self.pause()
        if progress is not None:
            try:
                progress(len(episodes))
            except Exception as error:
                raise SandboxError("stopped") from error
        self.pause()
        self.played += len(episodes)
        bad = np.flatnonzero((episodes.question == 1) & (episodes.beta == 1))
        if FAILS in candidate.source and len(bad):
            where = f"[{episodes.describe(int(bad[0]))}]"
            return SandboxOutcome(Verdict("exception", f"ValueError: here {where}", int(bad[0])))
        return SandboxOutcome(Verdict("ok"), logs_of(candidate.source, episodes))

    def play(self, *arguments: Any) -> SandboxOutcome:
        raise AssertionError("audits are faked")

    @contextmanager
    def reusing_workers(self) -> Iterator[Self]:
        yield self

    def close(self) -> None:
        pass


def audited(evaluation: LoggedEvaluation, episodes: Episodes, sandbox: Sandbox, share: float, *rest: Any,
            **named: Any) -> LoggedEvaluation:  # fmt: skip
    """Stand in for `sandbox.trial.audited`: a full audit convicts every source that `CHEATS`, another one none."""
    if evaluation.logs is None:
        return evaluation
    getattr(sandbox, "pause", lambda: None)()
    if CHEATS in evaluation.candidate.source and share == 1:
        return LoggedEvaluation(evaluation.candidate, Verdict("rejected: looked ahead", "in full"))
    return replace(evaluation, audited=extent_of(len(episodes), share))


def logs_of(source: str, episodes: Episodes) -> Logs:
    """Return the logs of a trusted source."""
    names: dict[str, Any] = {}
    exec(source.replace("from envs import", "from autotts.envs import"), names)
    (kind,) = [each for name, each in names.items() if name != "Controller" and hasattr(each, "solve")]
    return play(kind, episodes)
