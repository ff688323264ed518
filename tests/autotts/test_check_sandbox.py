"""The check of sandboxes: it accepts correct ones, and names the fault of each faulty one."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any

import pytest

from autotts import ProcessSandbox, SandboxError, SandboxLimits
from autotts.testing import ConformanceError, check_sandbox

from .test_discovery import Polite

QUICK = SandboxLimits(episode_seconds=3.0)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ProcessSandbox, Polite])
@pytest.mark.parametrize("workers", [1, 2])
def test_correct_sandboxes_conform(kind: type[ProcessSandbox], workers: int) -> None:
    report = check_sandbox(kind(workers, QUICK))
    assert report.name == kind.name and "look-ahead is convicted" in report.checks


class Faulty(ProcessSandbox):
    """A sandbox with one fault."""

    def __init__(self, fault: str) -> None:
        super().__init__(limits=QUICK)
        self.fault = fault
        self.first: dict[str, Any] = {}

    def command(self) -> list[str]:
        return ["no-such-program"] if self.fault == "start" else super().command()

    def run(self, candidate: Any, episodes: Any, progress: Any = None) -> Any:
        if self.fault == "part":
            return super().run(candidate, episodes.take(range(1)), progress)
        if self.fault == "silent":
            return super().run(candidate, episodes)
        found = super().run(candidate, episodes, progress)
        if self.fault == "raises" and not found.verdict.ok:
            raise SandboxError("the worker ended")
        if self.fault == "same tokens":
            found = self.first.setdefault(candidate.name, found)
        return found

    def play(self, candidate: Any, batch: Any, progress: Any = None) -> Any:
        found = super().play(candidate, batch, progress)
        if self.fault == "play" and found.logs is not None:
            found.logs.answer[:] = 0
        return found

    @contextmanager
    def reusing_workers(self) -> Any:
        if self.fault == "leaves":
            self.held = self.start()
            yield self
        else:
            with super().reusing_workers() as lent:
                yield lent

    def close(self) -> None:
        if self.fault == "close" and self.first.setdefault("closed", 0):
            raise ValueError("closed already")
        self.first["closed"] = 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("start", "self_consistency: SandboxError: cannot start no-such-program"),
        ("part", "run of self_consistency: the logs differ from those of the reference in answer"),
        ("silent", "run of self_consistency reported 0 episodes as progress, of 18"),
        ("play", "self_consistency: the logs differ from those of the reference in answer"),
        ("raises", "source that does not parse: SandboxError: the worker ended"),
        ("same tokens", "a candidate sees the same tokens in two runs"),
        ("close", "close raised ValueError: closed already"),
        ("leaves", r"\d+ child processes are left behind"),
    ],
)
def test_a_faulty_sandbox_is_named(fault: str, message: str) -> None:
    sandbox = Faulty(fault)
    with pytest.raises(ConformanceError, match=message):
        check_sandbox(sandbox)
    if fault == "leaves":
        sandbox.held.stop()


def test_an_endless_sandbox_is_named() -> None:
    with pytest.raises(ConformanceError, match=r"no verdict within 0\.5 seconds"):
        check_sandbox(ProcessSandbox(limits=SandboxLimits(episode_seconds=3.0)), seconds=0.5)
