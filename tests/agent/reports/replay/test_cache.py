"""The replay cache: stored runs, failures, damaged files and keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from autotts.agent.reports.replay.cache import ReplayCache, key
from autotts.agent.reports.replay.select import ReplayEntry
from autotts.agent.reports.replay.work import ReplaySettings, ReplayWork
from autotts.envs.episodes import grid
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError
from autotts.sandbox.outcome import SandboxOutcome, Verdict

from ....environments import RandomController, environment, play, random_environment

ENV = environment([[("A", "B"), ("B", "B"), ("A", "A")]] * 3, None, "ABA")
ONE = "from envs import Controller\nclass One(Controller):\n def solve(self, q): return q.run_to_end(q.branch())\n"
GREEDY = ONE.replace("q.run_to_end(q.branch())", "q.run_many_to_end(q.branch_many(9))[0]")


class Counting(ProcessSandbox):
    """Counts its runs, and fails after a given number."""

    def __init__(self, most: int = 10**9) -> None:
        super().__init__(1)
        self.runs, self.most = 0, most

    def run(self, *arguments: object, **named: object) -> SandboxOutcome:
        self.runs += 1
        if self.runs > self.most:
            raise SandboxError("the engine went away")
        return super().run(*arguments, **named)  # type: ignore[arg-type]


def work(root: Path, sandbox: ProcessSandbox, seeds: int = 2, counted: list[int] | None = None) -> ReplayWork:
    return ReplayWork(
        ReplaySettings((0.0, 1.0), seeds, 4),
        ReplayCache(root),
        sandbox,
        (counted if counted is not None else []).append,
    )


def test_cached_run_is_not_repeated(tmp_path: Path) -> None:
    sandbox, entry = Counting(), ReplayEntry("one", ONE, False, None)
    first = work(tmp_path, sandbox).measure(entry, ENV)
    counted: list[int] = []
    again = work(tmp_path, sandbox, counted=counted).measure(ReplayEntry("renamed", ONE, True, None), ENV)
    assert sandbox.runs == 1 and first.verdict.ok and sum(counted) == 2 * 2 * 3
    assert [s.point() for s in first.samples] == [s.point() for s in again.samples]
    work(tmp_path, sandbox, seeds=3).measure(entry, ENV)
    work(tmp_path, sandbox).measure(entry, replace(ENV, delta=7))
    assert sandbox.runs == 3


def test_failure_is_cached_with_its_message(tmp_path: Path) -> None:
    sandbox, entry, counted = Counting(), ReplayEntry("greedy", GREEDY, False, None), []
    first = work(tmp_path, sandbox, counted=counted).measure(entry, ENV)
    assert not first.verdict.ok and "3" in first.verdict.message and first.samples == ()
    assert sum(counted) == 2 * 2 * 3  # progress reaches the total even after a failure
    assert work(tmp_path, sandbox).measure(entry, ENV).verdict.message == first.verdict.message
    assert sandbox.runs == 1


def test_fleeting_failure_is_not_cached(tmp_path: Path) -> None:
    journal = ReplayCache(tmp_path)
    for kind in ("timeout", "memory"):
        journal.put("a", SandboxOutcome(Verdict(kind, "slow")))  # type: ignore[arg-type]
        assert journal.get("a") is None
    journal.put("a", SandboxOutcome(Verdict("exception", "ValueError: ☃")))
    assert journal.get("a") == SandboxOutcome(Verdict("exception", "ValueError: ☃"))


def test_finished_runs_stay_cached_when_the_sandbox_fails(tmp_path: Path) -> None:
    sandbox = Counting(most=1)
    doing = work(tmp_path, sandbox)
    doing.measure(ReplayEntry("one", ONE, False, None), ENV)
    with pytest.raises(SandboxError):
        doing.measure(ReplayEntry("greedy", GREEDY, False, None), ENV)
    assert len(list(tmp_path.iterdir())) == 1


def test_damaged_file_counts_as_missing(tmp_path: Path) -> None:
    journal = ReplayCache(tmp_path)
    episodes = grid([random_environment(Random(1))], (0.5,), range(3))
    logs = play(RandomController, episodes)
    journal.put("a", SandboxOutcome(Verdict("ok"), logs))
    outcome = journal.get("a")
    assert outcome is not None and outcome.logs is not None
    assert all(np.array_equal(column, logs.columns()[name]) for name, column in outcome.logs.columns().items())
    data = (tmp_path / "a.run").read_bytes()
    for position in range(0, len(data), 37):
        (tmp_path / "a.run").write_bytes(data[:position] + bytes([data[position] ^ 1]) + data[position + 1 :])
        assert journal.get("a") is None
        (tmp_path / "a.run").write_bytes(data[:position])
        assert journal.get("a") is None


def test_key_differs_for_everything_that_can_change_a_log() -> None:
    episodes = grid([ENV], (0.5,), range(2), 4)
    names = {
        key(ONE, episodes),
        key(ONE + "\n", episodes),
        key(ONE, grid([replace(ENV, probe_cost=1)], (0.5,), range(2), 4)),
        key(ONE, grid([ENV], (0.6,), range(2), 4)),
        key(ONE, grid([ENV], (0.5,), range(3), 4)),
        key(ONE, grid([ENV], (0.5,), range(2), 2)),
        key(ONE, grid([ENV], (0.5,), range(2), 4, 900)),
    }
    assert len(names) == 7 and key(ONE, grid([ENV], (0.5,), range(2), 4)) in names


def test_nondeterministic_controller_is_rejected_in_a_replay(tmp_path: Path) -> None:
    """A bundle may claim that its versions were audited; a replay audits them again."""
    chance = ONE.replace("q.run", "q.step(q.branch())[0] if hash(q) % 32 > 15 else q.run")
    measurement = work(tmp_path, Counting()).measure(ReplayEntry("chance", chance, False, None), ENV)
    assert measurement.verdict.kind.startswith("rejected") and measurement.samples == ()
