"""The version object: everything that is known of a version, whole and at hand."""

from __future__ import annotations

from pathlib import Path

import pytest

import autotts
from autotts import Version
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.champions import champion, found_source

from .finished_run import CHILD, GRANDCHILD, finished_run

FRESH = {CHILD: 61.25, GRANDCHILD: 60.5, "self_consistency": 70.0}


def test_a_version_has_all_that_is_known_of_it(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run", FRESH)
    archive = autotts.open_archive(run.home)
    version = archive[CHILD]
    assert isinstance(version, Version) and version is archive["balanced"]
    assert version.source == run.archive.source(CHILD) and version.source.endswith(f"# {CHILD}\n")
    assert version.card.curve and version.card.curve == version.points == run.archive.card(CHILD).curve
    assert len(version.curve) == len(version.mean_points) == 3
    assert version.quality is not None and version.shrunk_quality is not None and version.rank in (1, 2, 3, 4)
    assert version.parents == ("parallel_probe",) and version.children == ("g002-failed", GRANDCHILD)
    assert version.champion_names == ("balanced",) and archive[GRANDCHILD].champion_names == ("frugal",)
    assert version.findings == version.card.findings and version.outcome.startswith("predicted")
    assert version.transcript.startswith("## asked") and archive["self_consistency"].transcript == ""
    fresh = version.fresh
    assert fresh is not None and fresh.quality == 61.25 and fresh.points and fresh.first_order == 1_000_000
    assert archive["parallel_probe"].fresh is None
    failed = archive["g002-failed"]
    assert (failed.quality, failed.rank, len(failed.curve), failed.ok) == (None, None, 0, False)
    assert failed.fresh is not None and failed.fresh.quality is None and failed.fresh.failure.startswith("exit")


def test_nothing_large_is_read_before_it_is_asked_for(tmp_path: Path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    run = finished_run(tmp_path / "run")
    version = autotts.open_archive(run.home)[CHILD]
    assert version.name == "a child"
    read: list[str] = []
    monkeypatch.setattr(Archive, "source", lambda self, id: read.append(id) or "text")
    assert not read and version.source == version.source == "text" and read == [CHILD]


def test_shipped_archives_open_by_name() -> None:
    archive = autotts.open_archive("shipped:evolve")
    version = archive["balanced"]
    assert version.id == champion("balanced")[1] and version.source == found_source("balanced")
    assert version.champion_names == ("shipped:balanced",) and version.card.curve and version.fresh is None


def test_a_lean_card_says_that_its_curve_is_elsewhere(tmp_path: Path) -> None:
    archive = finished_run(tmp_path / "run").archive
    (lean,) = [card for card in archive.cards() if card.id == CHILD]
    assert lean.mean_curve and lean.ok and lean.model_copy(update={"island": 1}).mean_curve == lean.mean_curve
    with pytest.raises(AttributeError, match=r"g001-child is a lean card: it has mean_curve, and Archive\.card"):
        lean.curve  # noqa: B018
    assert not hasattr(lean, "nothing") and archive.card(CHILD).curve
