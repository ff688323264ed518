"""The steady state: no barrier, a bound on staleness, and the same archive again from the event log."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.evolve.explorer import EvolveExplorer
from autotts.agent.loop import evaluation
from autotts.agent.loop.screening import rungs
from autotts.agent.loop.steady.graph import discover
from autotts.agent.loop.steady.log import read_turns, written_turns
from autotts.agent.loop.steady.nodes import SteadyDiscovery
from autotts.agent.loop.steady.turns import SteadyTurns, TurnEvent, check_turns, turn_events
from autotts.agent.records.card import DUPLICATE
from autotts.agent.records.events import GenerationArchived, TurnAsked, TurnDropped, VersionAdmitted
from autotts.agent.records.explorer import Brief, LimitReached, Proposal
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import write_sealed
from autotts.sandbox.backends.process import ProcessSandbox

from .interleaving import FAILS, FakeSandbox, Interleaved, audited
from .test_graph import begin, source, tree
from .test_overlap import POOL, Killed


class Drawing:
    """Draws from a few sources by the brief alone, so that copies and twins occur; pauses while it is asked."""

    name = "single"
    one_at_a_time = True
    needs_own_data = False

    def __init__(self, background: Interleaved) -> None:
        self.pause = background.pause
        self.closed = False

    def propose(self, brief: Brief) -> list[Proposal]:
        self.pause()
        rng = Random(f"{brief.seed} {brief.slot} {[version.id for version in brief.parents]} {len(brief.front)}")
        if rng.random() < 0.15:
            return []
        text = rng.choice(POOL) if rng.random() < 0.5 else source(rng.randrange(60), rng.randrange(1, 7))
        return [Proposal(text, "why", tuple(version.id for version in brief.parents[:1]))]

    refine = propose

    def close(self) -> None:
        self.closed = True


class Searches(SteadyDiscovery):
    """Leaves the final evaluation out."""

    def final_evaluation(self, state):  # type: ignore[no-untyped-def]
        return {}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run with generation 0 alone, with several looks at each candidate, and audits that play nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rungs, "LEAST", 16)
        patch.setattr(evaluation, "audited", audited)
        home = tmp_path_factory.mktemp("steady") / "run"
        run = begin(home, generations=3, population=4, orders=40, islands=2, staleness=3)

        class Stops(SteadyDiscovery):
            def search(self, state):  # type: ignore[no-untyped-def]
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            discover(Stops(run, Drawing(Interleaved(Random(0))), ProcessSandbox()))
        yield home


def copied(begun: Path, name: str, **changes: object) -> Run:
    home = begun.parent / name
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(begun, home)
    config = Run(home).config.model_copy(update=changes)
    write_sealed(home / "config.json", config.model_dump_json(indent=1).encode())
    return Run(home)


def search(run: Run, seed: int, slots: int, follow: list[TurnEvent] | None = None, waits: int | None = None) -> None:
    background = Interleaved(Random(seed)) if waits is None else Killed(Random(seed), waits)
    sandbox, explorer = FakeSandbox(background.pause), Drawing(background)
    made = Searches(
        Run(run.home), explorer, sandbox, candidates_at_once=slots, follow=follow or (), background=background
    )
    with nullcontext() if waits is None else suppress(KeyboardInterrupt):
        discover(made)
    if waits is None:
        assert explorer.closed is False
        assert not run.staged.exists()


def turns_of(run: Run) -> list[TurnEvent]:
    return turn_events(line.event for line in run.events())


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(
    seeds=st.tuples(*[st.integers(0, 2**32)] * 2), slots=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    staleness=st.integers(0, 6), kills=st.lists(st.integers(1, 25), max_size=3),
)  # fmt: skip
def test_a_log_that_is_followed_gives_the_same_archive(
    begun: Path, seeds: tuple[int, int], slots: tuple[int, int], staleness: int, kills: list[int]
) -> None:
    first, second = (copied(begun, name, staleness=staleness) for name in ("first", "second"))
    for kill in kills:
        search(first, seeds[0] + kill, slots[0], waits=kill)
    search(first, seeds[0], slots[0])
    turns = turns_of(first)
    check_turns(turns, staleness, "the log")
    admitted = [event for event in turns if isinstance(event, VersionAdmitted)]
    assert len(admitted) == 12 == len(first.archive.ids()) - 6
    asked = {event.turn: event.after for event in turns if isinstance(event, TurnAsked)}
    assert all(0 <= event.position - asked[event.turn] <= staleness for event in admitted)
    for kill in kills:
        search(second, seeds[1] + kill, slots[1], turns, waits=kill)
    search(second, seeds[1], slots[1], turns)
    assert turns_of(second) == turns
    assert tree(second.archive) == tree(first.archive)


@pytest.mark.slow
@settings(max_examples=4, deadline=None)
@given(seeds=st.tuples(*[st.integers(0, 2**32)] * 2), kills=st.lists(st.integers(1, 25), max_size=3))
def test_one_slot_gives_the_same_archive_without_a_log(begun: Path, seeds: tuple[int, int], kills: list[int]) -> None:
    first, second = (copied(begun, name) for name in ("first", "second"))
    search(first, seeds[0], 1)
    for kill in kills:
        search(second, seeds[1] + kill, 1, waits=kill)
    search(second, seeds[1], 1)
    assert tree(second.archive) == tree(first.archive)
    assert turns_of(second) == turns_of(first)


def test_a_generation_closes_after_as_many_versions_as_the_population(begun: Path) -> None:
    run = copied(begun, "counted")
    search(run, 1, 3)
    admitted = [event for event in turns_of(run) if isinstance(event, VersionAdmitted)]
    assert [run.archive.card(event.id).generation for event in admitted] == [1] * 4 + [2] * 4 + [3] * 4
    closed = [line.event for line in run.events() if isinstance(line.event, GenerationArchived)]
    assert [(event.generation, event.new, event.versions) for event in closed] == [
        (0, 6, 6), (1, 4, 10), (2, 4, 14), (3, 4, 18)
    ]  # fmt: skip
    born = {event.id: event.position for event in admitted}
    for version, position in born.items():
        card = run.archive.card(version)
        assert all(born.get(parent, -1) < position for parent in card.parents)
    assert {run.archive.card(version).island for version in born} == {0, 1}


def test_a_straggler_holds_nobody_up_and_is_dropped_at_the_bound(begun: Path) -> None:
    run, others = copied(begun, "straggling", staleness=5), threading.Event()

    class Straggling(Drawing):
        def propose(self, brief: Brief) -> list[Proposal]:
            if brief.slot == 1:
                assert others.wait(60), "the others go on without it"
            return [Proposal(source(brief.slot), "why")]

        refine = propose

    class Watching(Searches):
        def emit(self, event):  # type: ignore[no-untyped-def]
            super().emit(event)
            if isinstance(event, TurnDropped):
                others.set()

    discover(Watching(run, Straggling(Interleaved(Random(0))), FakeSandbox(), candidates_at_once=3))
    dropped = [event for event in turns_of(run) if isinstance(event, TurnDropped)]
    assert dropped == [TurnDropped(1, "stale")]
    assert len(run.archive.ids()) == 6 + 12


def test_a_limit_ends_the_run_in_good_order_and_it_goes_on_when_the_limit_is_raised(begun: Path) -> None:
    run = copied(begun, "limited", staleness=20)

    class Limited(Drawing):
        def propose(self, brief: Brief) -> list[Proposal]:
            if brief.slot >= most:
                raise LimitReached("the run has spent $1 of at most $1")
            return [Proposal(source(brief.slot), "why")]

        refine = propose

    for most, count in ((6, 6), (99, 12)):
        background = Interleaved(Random(most))
        discover(Searches(Run(run.home), Limited(background), FakeSandbox(background.pause), background=background))
        assert len(run.archive.ids()) == 6 + count
    assert {event.why for event in turns_of(run) if isinstance(event, TurnDropped)} == {"limit"}


def test_copies_and_failures_need_no_place_and_have_a_place(begun: Path) -> None:
    run = copied(begun, "copies", staleness=20)

    class Repeating(Drawing):
        def propose(self, brief: Brief) -> list[Proposal]:
            text = source(brief.slot // 2) if brief.slot % 4 else source(brief.slot) + FAILS
            return [Proposal(text, "why")]

        refine = propose

    background = Interleaved(Random(5))
    discover(Searches(run, Repeating(background), FakeSandbox(background.pause), background=background))
    assert {event.why for event in turns_of(run) if isinstance(event, TurnDropped)} == {"copy"}
    verdicts = [run.archive.card(name).verdict for name in run.archive.ids()][6:]
    assert len(verdicts) == 12 and "exception" in verdicts and DUPLICATE not in verdicts


def test_logs_with_gaps_and_other_explorers_are_refused(begun: Path) -> None:
    run, other = copied(begun, "whole"), copied(begun, "other")
    search(run, 2, 3)
    turns = turns_of(run)
    assert read_turns(written_turns(turns), "log") == turns
    with pytest.raises(DamagedFile, match="missing or damaged"):
        check_turns(turns[:5] + turns[6:], 3, "log")
    with pytest.raises(DamagedFile, match="missing or damaged"):
        check_turns(turns, 0, "log")
    with pytest.raises(InputError, match="no turns"):
        read_turns(b"{}\n", "log")

    class Another(Drawing):
        def propose(self, brief: Brief) -> list[Proposal]:
            return [Proposal(source(brief.slot + 60), "why")]

        refine = propose

    background = Interleaved(Random(0))
    made = Searches(
        other, Another(background), FakeSandbox(background.pause), follow=turns, background=background
    )
    with pytest.raises(InputError, match="the explorer or the settings differ"):
        discover(made)


def test_nothing_that_waits_goes_with_a_steady_state(begun: Path) -> None:
    with pytest.raises(InputError, match="waits for nobody"):
        SteadyDiscovery(copied(begun, "approved"), Drawing(Interleaved(Random(0))), FakeSandbox(), approve=True)


@pytest.mark.slow
def test_evolve_searches_in_threads_and_its_log_is_followed(tmp_path: Path) -> None:
    settings_ = {"explorer": "evolve", "generations": 2, "population": 4, "staleness": 8}
    first, second = (begin(tmp_path / name, **settings_) for name in ("first", "second"))
    discover(SteadyDiscovery(first, EvolveExplorer(), ProcessSandbox(), candidates_at_once=3))
    discover(SteadyDiscovery(second, EvolveExplorer(), ProcessSandbox(), candidates_at_once=2, follow=turns_of(first)))
    assert tree(second.archive) == tree(first.archive)
    assert len(first.archive.ids()) == 6 + 8 and first.archive.verify() == []
    assert (first.home / "report.json").exists()


@given(
    slots=st.integers(1, 9), staleness=st.integers(0, 12), total=st.integers(0, 40), seed=st.integers(0, 2**32)
)
def test_staleness_never_exceeds_its_bound(slots: int, staleness: int, total: int, seed: int) -> None:
    turns, chance, after, log = SteadyTurns(slots, staleness, total), Random(seed), {}, []  # type: ignore[var-annotated]
    while turns.admitted < total:
        for turn in turns.too_old():
            turns.drop(turn)
            log.append(TurnDropped(turn, "stale"))
        while turns.may_ask:
            log.append(turns.ask())
            after[log[-1].turn] = turns.admitted
        assert 0 < len(turns.in_flight) <= slots
        turn = chance.choice([*turns.in_flight][-3:])  # early turns are stragglers
        if chance.random() < 0.2:
            turns.drop(turn)
            log.append(TurnDropped(turn, "nothing"))
            continue
        assert turns.admitted - after[turn] <= staleness
        log.append(VersionAdmitted(turn, "id", turns.admit(turn), after[turn]))
    check_turns(log, staleness, "log")


def test_settings_of_earlier_runs_have_no_steady_state() -> None:
    assert RunConfig(environments={}).staleness is None
