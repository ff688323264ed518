"""Runs that share an archive: versions migrate, nothing in it is believed, and a run follows from its event log."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from autotts.agent.archive.archive import LOGS, MANIFEST, SOURCE, Archive, sha256
from autotts.agent.archive.run_directory import Run
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.loop.shared_archive import MIGRANT, open_shared, shared_name
from autotts.agent.records.events import CandidateEvaluated, MigrantsChosen
from autotts.agent.records.explorer import Brief, Proposal
from autotts.envs.episodes import Episodes
from autotts.envs.errors import InputError
from autotts.sandbox.backends.process import ProcessSandbox
from autotts.sandbox.outcome import Candidate, SandboxOutcome

from .test_graph import Single, begin, source, tree

pytestmark = pytest.mark.slow


class Other(Single):
    """Proposes other programs than `Single`."""

    name = "other"

    def _answer(self, brief: Brief, step: str) -> list[Proposal]:
        width = 20 * brief.generation + brief.slot + (15 if step == "refine" else 5)
        return [Proposal(source(width), f"width {width}", tuple(v.id for v in brief.parents[:1]))]


class Searching(Discovery):
    """Ends without a final evaluation, which plays other episodes."""

    def final_evaluation(self, state):  # type: ignore[no-untyped-def]
        return {}


class Counting(ProcessSandbox):
    """Counts the evaluations of each candidate, without its audits."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []

    def run(self, candidate: Candidate, episodes: Episodes, progress: object = None) -> SandboxOutcome:
        self.ran.append(candidate.name)
        return super().run(candidate, episodes)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a shared archive, and the run ``first`` that has filled it."""
    place = tmp_path_factory.mktemp("sharing")
    discover(Searching(begin(place / "first", share=str(place / "shared")), Single(), ProcessSandbox()))
    return place


@pytest.fixture
def place(first: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(first / "shared", tmp_path / "shared")
    return tmp_path


def second(place: Path, home: str = "second") -> Run:
    return begin(place / home, explorer="other", share=str(place / "shared"))


def migrants(run: Run) -> list[str]:
    return [version for event in run.events_of(MigrantsChosen) for version in event.versions]


def test_versions_migrate_to_other_runs_which_neither_play_nor_believe_them(first: Path, place: Path) -> None:
    run, sandbox, theirs = second(place), Counting(), Run(first / "first").archive
    discover(Searching(run, Other(), sandbox))
    shared, taken = Archive(place / "shared"), migrants(run)
    assert len(taken) == 2 and {shared.card(name).explorer for name in taken} == {"single"}
    came = [card for card in run.archive.cards() if card.explorer == MIGRANT]
    assert [shared_name(card) for card in came] == taken, "one in each generation"
    born = {card.source_sha256: card for card in theirs.cards()}
    for card in came:
        before, now = theirs.card(born[card.source_sha256].id), run.archive.card(card.id)
        assert (now.curve, now.behaviour, now.audited) == (before.curve, before.behaviour, "full")
        assert (
            now.parents == ()
            and (run.archive.root / now.id / LOGS).read_bytes() == (theirs.root / before.id / LOGS).read_bytes()
        )
    known = {card.id for card in [*came, *run.archive.cards()] if card.source_sha256 in born}
    assert not known & set(sandbox.ran), "baselines and migrants are scored from the logs of the first run"
    assert len(sandbox.ran) == len(run.archive.ids()) - len(known)
    assert shared.verify() == [] and run.archive.verify() == []


def test_two_runs_with_one_source_make_one_version(first: Path, place: Path) -> None:
    before = tree(Archive(place / "shared"))
    run = begin(place / "again", share=str(place / "shared"), seed=1)
    discover(Searching(run, Single(), ProcessSandbox()))
    assert tree(Archive(place / "shared")) == before
    figures = [
        {card.source_sha256: (card.mean_curve, card.verdict) for card in each.archive.cards()}
        for each in (run, Run(first / "first"))
    ]
    assert figures[0] == figures[1]


def test_a_run_follows_from_its_event_log(place: Path) -> None:
    run = second(place)
    discover(Searching(run, Other(), ProcessSandbox()))
    again = second(place, "again")  # the shared archive has more versions now
    for event in run.events_of(MigrantsChosen):
        again.log(event)

    class Killed(Searching):
        def diagnose(self, state):  # type: ignore[no-untyped-def]
            if state["generation"] == 2:
                raise KeyboardInterrupt
            return super().diagnose(state)

    with pytest.raises(KeyboardInterrupt):
        discover(Killed(again, Other(), ProcessSandbox()))
    discover(Searching(Run(again.home), Other(), ProcessSandbox()))
    assert again.events_of(MigrantsChosen) == run.events_of(MigrantsChosen)
    assert tree(again.archive) == tree(run.archive)


def test_false_logs_in_the_shared_archive_change_no_figure(first: Path, place: Path) -> None:
    shared = Archive(place / "shared")
    ran = [version for version in shared.ids() if version.startswith("v-")]
    for version, other in zip(ran, reversed(ran), strict=True):
        folder = shared.root / version
        if version != other:
            shutil.copyfile(first / "shared" / other / LOGS, folder / LOGS)  # true logs, of another source
            manifest = (folder / MANIFEST).read_text()
            before = sha256((first / "shared" / version / LOGS).read_bytes())
            (folder / MANIFEST).write_text(manifest.replace(before, sha256((folder / LOGS).read_bytes())))
    assert shared.verify() == []
    run = second(place)
    discover(Searching(run, Other(), ProcessSandbox()))
    born = {card.source_sha256: card.id for card in Run(first / "first").archive.cards()}
    came = [card.id for card in run.archive.cards() if card.explorer == MIGRANT]
    assert came
    for version in came:
        card = run.archive.card(version)
        assert card.curve == Run(first / "first").archive.card(born[card.source_sha256]).curve


def test_runs_with_other_settings_cannot_share(place: Path) -> None:
    with pytest.raises(InputError, match="runs that share an archive have these settings in common"):
        open_shared(begin(place / "second", orders=2, share=str(place / "shared")).config)
    assert open_shared(begin(place / "alone").config) is None
    with pytest.raises(InputError, match="ships with the program"):
        from autotts.agent.archive.shipped import DISCOVERED

        open_shared(begin(place / "third", share=str(DISCOVERED / "evolve")).config)


def test_shared_versions_name_ancestors_that_are_shared(first: Path) -> None:
    shared, own = Archive(first / "shared"), Run(first / "first").archive
    cards = {shared_name(card): card for card in own.cards() if card.ok}
    assert set(shared.ids()) == set(cards)
    for version in shared.ids():
        assert shared.source(version) == own.source(cards[version].id)
        assert all(parent in shared for parent in shared.card(version).parents)
    assert any(shared.card(version).parents for version in shared.ids())
    assert (shared.root / shared.ids()[0] / SOURCE).is_file()
    evaluated = Run(first / "first").events_of(CandidateEvaluated)
    assert len(evaluated) >= len(cards)
