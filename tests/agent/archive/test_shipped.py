"""Archives that ship with the program: known by name, and never written to."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

import autotts
from autotts.agent.archive.archive import Archive
from autotts.agent.archive.bundles.import_bundle import import_bundle
from autotts.agent.archive.champions import champion
from autotts.agent.archive.measurements import measures
from autotts.agent.archive.names import chosen_archive
from autotts.agent.archive.reader import open_reader
from autotts.agent.archive.shipped import CACHE_VARIABLE, DISCOVERED, derived_root, shipped_archives, shipped_root
from autotts.agent.cli.main import main
from autotts.envs.errors import InputError

from .finished_run import CHILD, finished_run


def contents() -> dict[str, tuple[int, int]]:
    found = (path for path in DISCOVERED.resolve().rglob("*") if path.is_file())
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in found}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def test_shipped_archives_have_names() -> None:
    assert shipped_archives() == ["shipped:evolve", "shipped:explorer"]
    assert chosen_archive(None, "shipped:evolve").ids() == Archive(shipped_root("shipped:evolve")).ids()
    assert open_reader(None, "shipped:explorer", None).title == "shipped:explorer"
    for name in ("shipped:nowhere", "nowhere"):
        with pytest.raises(InputError, match="shipped:evolve, shipped:explorer ship with the program"):
            chosen_archive(None, name)


def test_a_list_shows_what_ships_and_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    finished_run(Path("runs/1"), {CHILD: 60.0})
    assert main(["archive", "list"]) == 0
    said = capsys.readouterr().out
    assert "shipped:evolve" in said and "shipped:balanced" in said and f"runs/1:balanced {CHILD}" in said


def test_a_shipped_archive_is_never_written_to(cache: Path) -> None:
    before = contents()
    archive, version = champion("balanced")
    assert derived_root(archive.root) == cache / "autotts" / "shipped" / "evolve"
    assert main(["archive", "reindex", "--archive", "shipped:evolve"]) == 0
    reader = open_reader(None, str(archive.root.resolve()), None)
    assert len(reader.view().rows) == 118 and reader.index.note == ""
    points = [dataclasses.asdict(point) for point in archive.card(version).curve]
    protocol = archive.card(version).protocol.model_copy(update={"first_order": 5})
    path = archive.add_replay(version, "some", {"protocol": protocol.model_dump(mode="json"), "curve": points})
    assert path.is_relative_to(cache) and len(measures(reader, reader.card(version))) == 2
    assert main(["archive", "verify", "--archive", "shipped:evolve"]) == 0
    card = archive.card(version).model_copy(update={"id": "g009-new"})
    never = "shipped:evolve ships with the program, and is never written to"
    with pytest.raises(InputError, match=never):
        archive.add(card, "", None)
    with pytest.raises(InputError, match=never):
        import_bundle(Path("bundle.zip"), archive)
    assert main(["archive", "import", "bundle.zip", "--archive", "shipped:evolve"]) == 2
    assert contents() == before and (cache / "autotts" / "shipped" / "evolve" / "index.sqlite").is_file()


@pytest.mark.slow
def test_a_replay_of_what_ships_writes_beside_the_user_only(cache: Path) -> None:
    before = contents()
    pytest.importorskip("jinja2")
    settings = {"betas": [0.2], "orders": 1, "max_branches": 4, "sandbox": "process", "workers": 1}
    found = autotts.replay("shipped:evolve", "synthetic/tiny", select="balanced", output="out", **settings)  # type: ignore[arg-type]
    assert found.rows and Path("out/report.html").is_file() and contents() == before
    assert list(cache.rglob("replays/*/*.json"))
