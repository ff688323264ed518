"""Candidates that are evaluated at the same time leave what one after the other leaves, whatever the interleaving."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive.run_directory import Run
from autotts.agent.loop import evaluation
from autotts.agent.loop.attempts import MOST_DEATHS, Attempts
from autotts.agent.loop.candidate_store import CandidateStore
from autotts.agent.loop.evaluation import CandidateEvaluator
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.overlap.background import ThreadBackground
from autotts.agent.loop.overlap.generation import OverlappingEvaluation
from autotts.agent.loop.overlap.window import InOrderWindow
from autotts.agent.loop.screening import rungs
from autotts.agent.records.candidate import CandidateRecord
from autotts.agent.records.card import DUPLICATE, Card
from autotts.agent.records.events import CandidateEvaluated, Event
from autotts.agent.records.explorer import Proposal
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.base import SandboxError

from .interleaving import CHEATS, FAILS, POOR, FakeSandbox, Interleaved, audited
from .test_graph import Single, begin, source, tree

POOL = [
    source(0), source(1, 3), source(1, 6), source(12, 2), source(3), source(3) + "\n# the same again",
    source(2) + CHEATS, source(7) + CHEATS, source(4) + FAILS, source(14) + FAILS, "import os\n" + source(5),
    source(6).replace("return majority", f"majority  {POOR}\n        return None #"),
    source(8).replace("return majority", f"majority  {POOR}\n        return None #"),
]  # fmt: skip


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run with generation 0 alone, with several looks at each candidate, and audits that play nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rungs, "LEAST", 16)
        patch.setattr(evaluation, "audited", audited)
        home = tmp_path_factory.mktemp("begun") / "run"
        run = begin(home, generations=3, population=8, orders=40, islands=1)

        class Stops(Discovery):
            def begin_step(self, state):  # type: ignore[no-untyped-def]
                if state["generation"] == 1:
                    raise KeyboardInterrupt
                return super().begin_step(state)

        with pytest.raises(KeyboardInterrupt):
            discover(Stops(run, Single(), ProcessSandbox()))
        assert len(run.archive.ids()) == 6
        yield home


class Step:
    """One step of a copy of the run: its candidates, and what was told about them."""

    def __init__(self, home: Path, sources: Sequence[str], sandbox: FakeSandbox) -> None:
        self.store = CandidateStore(Run(home), "process")
        records = [CandidateRecord.proposed(Proposal(text, "why"), 1, "single") for text in sources]
        self.pending = self.store.stage(records)
        self.evaluator = CandidateEvaluator(self.store, sandbox, lambda episodes: None, AuditSecret())
        self.told: list[tuple[str, int]] = []

    def waiting(self) -> list[CandidateRecord]:
        records = [self.store.staging.get(candidate) for candidate in self.pending]
        return [record for record in records if record is not None and record.evaluation is None]

    def present(self, candidate: str) -> list[Card]:
        before = self.pending[: self.pending.index(candidate)]
        return self.store.archive.with_beliefs([*self.store.cards_before(1), *map(self.store.card, before)])

    def take(self, record: CandidateRecord, played: int, seconds: float) -> None:
        assert seconds >= 0
        self.told.append((record.id, played))

    def left(self) -> dict[str, bytes]:
        """Return every file beside the records of the run, and the results by question."""
        roots = self.store.staging.home, self.store.archive.derived / "figures"
        return {str(path.relative_to(root)): path.read_bytes() for root in roots for path in sorted(root.rglob("*"))}


def one_by_one(home: Path, sources: Sequence[str]) -> Step:
    step = Step(home, sources, FakeSandbox())
    for record in step.waiting():
        evaluated, played = step.evaluator.evaluate(record, step.present(record.id))
        step.store.staging.put(evaluated)
        step.take(evaluated, played, 0.0)
    return step


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    order=st.permutations(range(len(POOL))), count=st.integers(2, 10), at_once=st.integers(2, 8),
    seed=st.integers(0, 2**32), kills=st.lists(st.integers(1, 12), max_size=3),
)  # fmt: skip
def test_every_interleaving_leaves_what_one_after_the_other_leaves(
    begun: Path, order: list[int], count: int, at_once: int, seed: int, kills: list[int]
) -> None:
    sources = [POOL[i] for i in order[:count]]
    homes = [begun.parent / name for name in ("one", "many")]
    for home in homes:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(begun, home)
    expected, told = one_by_one(homes[0], sources), []
    for waits in (*kills, 10**9):
        background = Interleaved(Random(seed + waits))
        if waits < 10**9:
            background = Killed(Random(seed + waits), waits)
        step = Step(homes[1], sources, FakeSandbox(background.pause))
        many = OverlappingEvaluation(
            step.store, step.evaluator, Attempts(step.store.run.staged), at_once, background
        )
        with suppress(KeyboardInterrupt):
            many.run(step.waiting(), step.present, step.take)
        told += step.told
        assert background.most <= at_once
    assert told == expected.told
    assert step.left() == expected.left()


@pytest.mark.slow
def test_the_pool_of_candidates_meets_every_decision(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "run")
    step = one_by_one(tmp_path / "run", POOL)
    verdicts = [step.store.card(name).verdict for name in step.pending]
    assert {"ok", "screened", "exception", DUPLICATE, "rejected: looked ahead", "rejected: policy"} <= set(verdicts)
    assert {step.store.card(name).audited for name in step.pending} == {"full", "sample", None}


class Killed(Interleaved):
    """Dies at the nth wait."""

    def __init__(self, chance: Random, waits: int) -> None:
        super().__init__(chance)
        self._left = waits

    def wait(self):  # type: ignore[no-untyped-def]
        self._left -= 1
        if self._left < 0:
            raise KeyboardInterrupt
        return super().wait()


@pytest.mark.slow
def test_a_run_in_threads_leaves_the_archive_of_one_after_the_other(tmp_path: Path) -> None:
    events: dict[str, list[Event]] = {"one": [], "many": []}
    runs = {name: begin(tmp_path / name, population=6) for name in events}
    for (name, run), at_once in zip(runs.items(), (1, 3), strict=True):
        told = events[name].append
        discover(Discovery(run, Single(), ProcessSandbox(), told, candidates_at_once=at_once))
    assert tree(runs["many"].archive) == tree(runs["one"].archive)
    orders = [[event.id for event in events[name] if isinstance(event, CandidateEvaluated)] for name in events]
    assert orders[0] == orders[1] and len(orders[0]) == 6 + 12
    assert not runs["many"].staged.exists()


def test_a_straggler_holds_up_decisions_but_no_work(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "run")
    others, all_began = set(), threading.Event()

    class Straggling(FakeSandbox):
        def run(self, candidate, episodes, progress=None):  # type: ignore[no-untyped-def]
            if candidate.name == first:
                assert all_began.wait(60)
            else:
                others.add(candidate.name)
            if len(others) == 4:
                all_began.set()
            return super().run(candidate, episodes, progress)

    step = Step(tmp_path / "run", [source(n) for n in range(5)], Straggling())
    first = step.pending[0]
    many = OverlappingEvaluation(step.store, step.evaluator, Attempts(step.store.run.staged), 2, ThreadBackground())
    many.run(step.waiting(), step.present, step.take)
    assert [name for name, _ in step.told] == step.pending


def test_an_error_counts_against_the_candidate_in_whose_work_it_came(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "run")
    bad = source(2)

    class Failing(FakeSandbox):
        def run(self, candidate, episodes, progress=None):  # type: ignore[no-untyped-def]
            if candidate.source == bad:
                raise MemoryError
            return super().run(candidate, episodes, progress)

    sources, seen = [source(1), bad, source(3)], []
    for death in range(MOST_DEATHS):
        background = Interleaved(Random(death))
        step = Step(tmp_path / "run", sources, Failing(background.pause))
        attempts = Attempts(step.store.run.staged)
        with pytest.raises(MemoryError):
            OverlappingEvaluation(step.store, step.evaluator, attempts, 3, background).run(
                step.waiting(), step.present, step.take
            )
        seen.append([attempts.deaths(name, "evaluation") for name in step.pending])
    assert seen == [[0, 1, 0], [0, 2, 0], [0, 3, 0]]
    background = Interleaved(Random(0))
    step = Step(tmp_path / "run", sources, Failing(background.pause))
    attempts = Attempts(step.store.run.staged)
    OverlappingEvaluation(step.store, step.evaluator, attempts, 3, background).run(
        step.waiting(), step.present, step.take
    )
    passed = step.store.staging.get(step.pending[1])
    assert passed is not None and passed.evaluation is not None and "passed it over" in passed.evaluation.message


def test_a_sandbox_that_fails_ends_the_step_and_counts_against_nobody(begun: Path, tmp_path: Path) -> None:
    shutil.copytree(begun, tmp_path / "run")

    class Broken(FakeSandbox):
        def run(self, candidate, episodes, progress=None):  # type: ignore[no-untyped-def]
            raise SandboxError("no engine")

    step = Step(tmp_path / "run", [source(1), source(2)], Broken())
    attempts = Attempts(step.store.run.staged)
    with pytest.raises(SandboxError, match="no engine"):
        OverlappingEvaluation(step.store, step.evaluator, attempts, 2).run(step.waiting(), step.present, step.take)
    assert all(attempts.deaths(name, "evaluation") == 0 for name in step.pending)


@given(
    count=st.integers(0, 20), at_once=st.integers(1, 8), alone=st.sets(st.integers(0, 19)),
    seed=st.integers(0, 2**32),
)  # fmt: skip
def test_the_window_keeps_its_limits_and_decides_everything(
    count: int, at_once: int, alone: set[int], seed: int
) -> None:
    window, chance, left = InOrderWindow(count, at_once, alone), Random(seed), dict.fromkeys(range(count), 2)
    while not window.done:
        for index in window.startable(i for i, pieces in left.items() if pieces and i not in window.working):
            window.began(index)
        assert 0 < len(window.working) <= at_once
        if lonely := window.working & alone:
            assert window.working == lonely == {window.head}
        ended = chance.choice(sorted(window.working))
        window.rested(ended)
        left[ended] -= 1
        while not window.done and not left[window.head]:
            window.decided()
