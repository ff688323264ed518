"""Copies of archives and runs between directories and databases."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.copying import copied_places, copy_archive
from autotts.agent.archive.index import ArchiveIndex
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_hold import working_on
from autotts.agent.archive.storage.addresses import located
from autotts.agent.archive.storage.stored_path import AnyPath
from autotts.agent.cli.main import main
from autotts.agent.records.events import RunFinished
from autotts.envs.errors import InputError

from .finished_run import CHILD, finished_run


def tree(home: Path) -> dict[str, bytes]:
    files = (path for path in home.rglob("*") if path.is_file() and path.name != "lock")
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = finished_run(tmp_path / "run", {CHILD: 50.0})
    for number in range(3):
        made.log(RunFinished(CHILD, number, ""))
    made.archive.reindex()
    return made


@pytest.mark.slow
def test_run_makes_a_round_trip_through_a_database(
    run: Run, postgres_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, back = f"{postgres_url}/copied", tmp_path / "back"
    assert main(["archive", "copy", str(run.home), there]) == 0
    assert f"{there}: 5 versions" in capsys.readouterr().out
    kept = Run(located(there))
    assert kept.archive.verify() == [] and kept.events_of(RunFinished) == run.events_of(RunFinished)
    assert kept.archive.index() == run.archive.index()
    assert ArchiveIndex(kept.archive.root).view().rows == ArchiveIndex(run.archive.root).view().rows
    assert main(["archive", "copy", there, str(back)]) == 0
    assert tree(back) == tree(run.home)
    assert main(["archive", "copy", there, str(back)]) == 0
    out = capsys.readouterr().out
    assert "0 versions and 0 files copied" in out and "left out: the index" in out


def test_copy_that_was_stopped_goes_on_and_nothing_is_replaced(run: Run, tmp_path: Path) -> None:
    def stopped(names: Sequence[str]) -> Iterator[str]:
        yield from names[:2]
        raise KeyboardInterrupt

    target = tmp_path / "copy"
    with pytest.raises(KeyboardInterrupt):
        copy_archive(run.archive.root, target, stopped)
    assert len(Archive(target).ids()) == 2 and Archive(target).verify() == []
    done = copy_archive(run.archive.root, target)
    assert (done.versions, done.present, done.problems) == (3, 2, [])
    assert tree(target) == tree(run.home / "archive")
    (target / CHILD / "manifest.json").write_bytes(b"{}")
    again = copy_archive(run.archive.root, target)
    assert again.problems == [f"{CHILD}: there already, with another content"]
    assert (target / CHILD / "manifest.json").read_bytes() == b"{}"


def test_damaged_version_is_told_and_not_copied(run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run.home / "archive" / CHILD / "controller.py").write_bytes(b"pass\n")
    assert main(["archive", "copy", str(run.home / "archive"), str(tmp_path / "copy")]) == 1
    assert f"{CHILD}/controller.py: content does not match its hash; not copied" in capsys.readouterr().out
    assert CHILD not in Archive(tmp_path / "copy")


def test_places_that_are_no_source_or_no_target_are_refused(run: Run, tmp_path: Path) -> None:
    root: AnyPath = run.archive.root
    with pytest.raises(InputError, match="nothing is there"):
        copied_places(str(tmp_path / "none"), "x")
    with pytest.raises(InputError, match="same place"):
        copied_places(str(run.home), str(run.home))
    with pytest.raises(InputError, match="belongs to a run"):
        copy_archive(Path(root.name), root)
    with working_on(run.home), pytest.raises(InputError, match="worked on"):
        copy_archive(root, tmp_path / "copy")
    assert copied_places("shipped:evolve", "x")[1] == Path("x")
