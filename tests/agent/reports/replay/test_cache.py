"""The replay cache: stored runs, failures, damaged files and keys."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest

from autotts.agent.archive.baselines import baseline_source
from autotts.agent.reports.replay.cache import ReplayCache, key
from autotts.agent.reports.replay.select import ReplayEntry
from autotts.agent.reports.replay.work import ReplaySettings, ReplayWork
from autotts.envs.episodes import grid
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox import policy
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError
from autotts.sandbox.outcome import Candidate, SandboxOutcome, Verdict
from autotts.sandbox.wire import SealedBatch

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


def test_large_batch_runs_in_parts_with_the_same_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry, sandbox = ReplayEntry("one", ONE, False, None), Counting()
    whole = work(tmp_path / "whole", sandbox).measure(entry, ENV)
    monkeypatch.setattr("autotts.agent.reports.replay.work.EPISODES_AT_A_TIME", 5)
    for runs in (1 + 3, 1 + 3):  # twelve episodes in three parts, which are then cached
        counted: list[int] = []
        parts = work(tmp_path / "parts", sandbox, counted=counted).measure(entry, ENV)
        assert [s.point() for s in parts.samples] == [s.point() for s in whole.samples]
        assert (parts.audited, parts.episodes) == (whole.audited, whole.episodes)
        assert sandbox.runs == runs and sum(counted) == 12
    counted = []
    failed = work(tmp_path / "failed", sandbox, counted=counted).measure(
        ReplayEntry("greedy", GREEDY, False, None), ENV
    )
    assert not failed.verdict.ok and sandbox.runs == 5 and sum(counted) == 12


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
        key(ONE, episodes, "full"),
        key(ONE, episodes, "sample"),
        key(ONE + "\n", episodes, "full"),
        key(ONE, grid([replace(ENV, probe_cost=1)], (0.5,), range(2), 4), "full"),
        key(ONE, grid([ENV], (0.6,), range(2), 4), "full"),
        key(ONE, grid([ENV], (0.5,), range(3), 4), "full"),
        key(ONE, grid([ENV], (0.5,), range(2), 2), "full"),
        key(ONE, grid([ENV], (0.5,), range(2), 4, 900), "full"),
    }
    assert len(names) == 8 and key(ONE, grid([ENV], (0.5,), range(2), 4), "full") in names


def test_nondeterministic_controller_is_rejected_in_a_replay(tmp_path: Path) -> None:
    """A bundle may claim that its versions were audited; a replay audits them again."""
    chance = ONE.replace("q.run", "q.step(q.branch())[0] if hash(q) % 32 > 15 else q.run")
    measurement = work(tmp_path, Counting()).measure(ReplayEntry("chance", chance, False, None), ENV)
    assert measurement.verdict.kind.startswith("rejected") and measurement.samples == ()


PEEKS = """
from envs import Controller
class Peeks(Controller):
    def solve(self, question):
        columns = question._recording.columns
        branches = question.branch_many(2)
        if self._seed == 5 and self.beta == 0.0 and columns[question._order[1]][-1][0]:
            return question.run_to_end(branches[len(columns[question._order[1]]) % 2])
        return question.run_to_end(branches[0])
"""


class Audited(ProcessSandbox):
    """Keeps the episodes of every audit, as text."""

    def __init__(self) -> None:
        super().__init__(1)
        self.audits: list[list[str]] = []

    def play(self, candidate: Candidate, batch: SealedBatch, *rest: object) -> SandboxOutcome:
        if len(batch.questions) == len(batch):  # each episode has a question of its own
            self.audits.append(sorted(batch.describe(i) for i in range(len(batch))))
        return super().play(candidate, batch, *rest)  # type: ignore[arg-type]


def test_every_version_is_audited_in_full_unless_it_ships(tmp_path: Path) -> None:
    many = replace(work(tmp_path, ProcessSandbox()).settings, orders=40)
    sandbox = Audited()
    done = ReplayWork(many, ReplayCache(tmp_path), sandbox)
    found = done.measure(ReplayEntry("one", ONE, False, None), ENV)
    assert found.audited == found.episodes == len(many.episodes(ENV)) > 200
    name = "parallel_probe"
    shipped = done.measure(ReplayEntry(name, baseline_source(name), True, None), ENV)
    assert shipped.audited == 100 < shipped.episodes
    renamed = done.measure(ReplayEntry(name, baseline_source(name) + "\n", True, None), ENV)
    assert renamed.audited == renamed.episodes, "a name proves nothing; the hash of the source does"


def test_the_audited_sample_of_a_replay_cannot_be_predicted(tmp_path: Path) -> None:
    sandbox = Audited()
    for number in range(2):
        done = ReplayWork(ReplaySettings((0.0, 1.0), 40), ReplayCache(tmp_path / str(number)), sandbox, audit="sample")
        assert done.measure(ReplayEntry("one", ONE, False, None), ENV).audited == 100
    first, second = sandbox.audits
    assert len(first) == len(second) == 100 and first != second


def test_a_cached_sample_does_not_pass_as_a_full_audit(tmp_path: Path) -> None:
    settings, entry = ReplaySettings((0.0, 1.0), 40), ReplayEntry("one", ONE, False, None)
    sampled = ReplayWork(settings, ReplayCache(tmp_path), sandbox := Counting(), audit="sample").measure(entry, ENV)
    full = ReplayWork(settings, ReplayCache(tmp_path), sandbox).measure(entry, ENV)
    assert sandbox.runs == 2 and sampled.audited == 100 and full.audited == full.episodes
    again = ReplayWork(settings, ReplayCache(tmp_path), sandbox).measure(entry, ENV)
    assert sandbox.runs == 2 and again.audited == full.audited


def test_a_cheat_in_few_episodes_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy, "check", lambda source: Verdict("ok"))
    env = generate(default_models()["synthetic/tiny"], "s/tiny", questions=6, branches=12)
    settings = ReplaySettings((0.0, 0.5, 1.0), 40)
    found = ReplayWork(settings, ReplayCache(tmp_path), ProcessSandbox()).measure(
        ReplayEntry("peeks", PEEKS, False, None), env
    )
    assert found.verdict.kind == "rejected: looked ahead" and found.samples == ()
