"""Archives with thousands of versions: lists read columns, and few cards."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.archive import archive as archives
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.columns_file import read_columns
from autotts.agent.archive.index import ArchiveIndex
from autotts.agent.archive.layout import COLUMNS
from autotts.agent.cli.main import main

from ..archive.finished_run import CHILD, finished_run


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose archive counts as large."""
    run = finished_run(tmp_path / "run", {CHILD: 50.0})
    monkeypatch.setattr(archives, "LARGE", 2)
    run.archive.reindex()
    return run.home


def test_columns_say_what_the_index_says(home: Path) -> None:
    root = home / "archive"
    rows = Archive(root).index()
    assert read_columns(root).rows() == rows and read_columns(root).finite() == [True] * len(rows)
    assert [row.id for row in ArchiveIndex(root).view().rows] == [row.id for row in rows]
    assert Archive(root).verify() == []


def test_damaged_columns_are_told_and_the_cards_are_read_instead(home: Path) -> None:
    path = home / "archive" / COLUMNS
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    index = ArchiveIndex(home / "archive")
    assert len(index.view().rows) == 5 and "damaged" in index.note
    assert any(COLUMNS in line for line in Archive(home / "archive").verify())


def test_lineage_and_status_of_a_large_archive(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lineage", str(home)]) == 0
    out = capsys.readouterr().out
    assert "5 versions; drawn: the front" in out and CHILD in out and "scaling curve" in out
    assert main(["status", str(home)]) == 0
    out = capsys.readouterr().out
    assert "generations  2 of 2 archived, 5 versions" in out and f"best: {CHILD}" in out
