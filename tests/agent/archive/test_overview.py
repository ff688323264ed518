"""The overview of a large archive says what its rows say, and is not used when they have changed."""

from __future__ import annotations

import re
import shutil
import tempfile
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive import archive as archives
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.best import best_version
from autotts.agent.archive.index import ArchiveIndex
from autotts.agent.archive.layout import OVERVIEW
from autotts.agent.archive.overview import overview_of
from autotts.agent.archive.overview_file import read_overview, write_overview
from autotts.agent.archive.snapshot import ArchiveSnapshot, BriefSnapshot
from autotts.agent.archive.storage.addresses import archive_of, located
from autotts.agent.cli.main import main
from autotts.agent.records.card import Card
from autotts.agent.records.index_row import IndexRow
from autotts.agent.records.version import Cost

from ..population import populations
from .finished_run import CHILD, finished_run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose archive counts as large."""
    run = finished_run(tmp_path / "run", {CHILD: 50.0})
    monkeypatch.setattr(archives, "LARGE", 2)
    run.archive.reindex()
    return tmp_path / "run"


@settings(deadline=None)
@given(populations.archives(), st.data())
def test_a_file_says_what_the_rows_say(cards: list[Card], data: st.DataObject) -> None:
    rows = [IndexRow.of(card) for card in cards]
    for i, row in enumerate(rows):
        if row.generation and data.draw(st.booleans()):
            parents = data.draw(st.lists(st.sampled_from([*(other.id for other in rows), "gone"]), max_size=2))
            rows[i] = replace(
                row, parents=tuple(parents), cost=Cost(data.draw(st.floats(0, 9)), 5),
                size=data.draw(st.integers(0, 99)),
                noise=array("d", data.draw(st.lists(st.floats(-9, 9), min_size=3, max_size=3))),
            )  # fmt: skip
    rows.sort(key=lambda row: (row.generation, row.id))
    found = overview_of(rows)
    with tempfile.TemporaryDirectory() as directory:
        write_overview(Path(directory), found, "state")
        assert read_overview(Path(directory), "state") == found
        assert read_overview(Path(directory), "another state") is None
    view = ArchiveSnapshot(1, rows, {}, np.array(found.budgets), _qualities(rows))
    assert view.best() == best_version(view.ranked, view.budgets, qualities=view.quality)
    assert found.leading == tuple(row.id for row in view.ranked)[: len(found.leading)]
    assert found.versions == len(rows) and sum(found.verdicts.values()) == len(rows)


def _qualities(rows: list[IndexRow]) -> dict[str, float]:
    from autotts.agent import population

    at, ran = population.budgets(rows), [row for row in rows if row.ok]
    return dict(zip((row.id for row in ran), population.qualities(ran, at).tolist(), strict=True))


def test_lists_are_the_same_with_an_overview_and_without(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = []
    for _ in range(2):
        assert main(["lineage", str(home)]) == 0 and main(["status", str(home)]) == 0
        shown.append(capsys.readouterr().out)
        (home / "archive" / OVERVIEW).unlink(missing_ok=True)
    assert shown[0] == shown[1] and "5 versions" in shown[0]


def test_an_overview_is_used_until_a_version_comes_or_goes(home: Path) -> None:
    root = home / "archive"
    index = ArchiveIndex(root)
    first = index.view()
    assert isinstance(first, BriefSnapshot) and "rows" not in vars(first)
    whole = ArchiveSnapshot(1, first.rows, {}, first.budgets, first.quality)
    assert whole.overview == first.overview and len(first.rows) == 5
    assert first.children == whole.children and first.rank == whole.rank and first.front == whole.front
    shutil.rmtree(root / CHILD)
    later = ArchiveIndex(root).view()
    assert not isinstance(later, BriefSnapshot) and len(later.rows) == 4 == later.overview.versions


def test_an_overview_of_other_beliefs_is_not_used(home: Path) -> None:
    root, archive = home / "archive", Archive(home / "archive")
    kept = (root / OVERVIEW).read_bytes()
    archive.write_derived([replace(row, name="other") for row in archive.index()])
    (root / OVERVIEW).write_bytes(kept)
    view = ArchiveIndex(root).view()
    assert not isinstance(view, BriefSnapshot) and {row.name for row in view.rows} == {"other"}


def test_a_damaged_overview_is_told_and_the_rows_are_read_instead(home: Path) -> None:
    path = home / "archive" / OVERVIEW
    path.write_text(re.sub(r'"versions": \d+', '"versions": 7', path.read_text()))
    index = ArchiveIndex(home / "archive")
    assert len(index.view().rows) == 5 and "damaged" in index.note
    assert any(OVERVIEW in line for line in Archive(home / "archive").verify())


def test_an_open_reader_follows_the_overview(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autotts.agent.archive.index._FRESH", -1.0)
    root = home / "archive"
    index = ArchiveIndex(root)
    before = index.view()
    assert index.view() is before and len(before.rows) == 5  # now it holds rows too
    assert index.view() is before
    archive = Archive(root)
    card = archive.card(CHILD).model_copy(update={"id": "g002-new", "generation": 2})
    archive.add(card, archive.source(CHILD), None)
    between = index.view()
    assert not isinstance(between, BriefSnapshot) and between.overview.versions == 6
    Archive(root).reindex()
    after = index.view()
    assert isinstance(after, BriefSnapshot) and after.overview.versions == 6
    assert before.stamp < between.stamp < after.stamp and len(after.rows) == 6


def test_an_overview_in_a_database(home: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from autotts.agent.archive.copying import copy_archive

    place = located(f"{postgres_url}/kept")
    copy_archive(home, place)
    root = archive_of(place)
    Archive(root).reindex()
    first = ArchiveIndex(root).view()
    assert isinstance(first, BriefSnapshot) and first.overview == ArchiveIndex(home / "archive").view().overview
    assert first.rows == ArchiveIndex(home / "archive").view().rows
    archive = Archive(root)
    card = archive.card(CHILD).model_copy(update={"id": "g002-new", "generation": 2})
    archive.add(card, archive.source(CHILD), None)
    later = ArchiveIndex(root).view()
    assert not isinstance(later, BriefSnapshot) and later.overview.versions == 6
    assert main(["status", str(place)]) == 0
