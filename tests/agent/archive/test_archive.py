"""The archive: whole folders or none, whatever fails while one is written; and every change is found."""

from __future__ import annotations

import contextlib
import errno
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.archive.archive import Archive, pack_logs, sha256, unpack_logs
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.loop.staging import Staging
from autotts.agent.records.candidate import CandidateRecord
from autotts.agent.records.card import Card, EvaluationProtocol
from autotts.agent.records.events import LoggedEvent, UnknownEvent
from autotts.agent.records.explorer import Proposal
from autotts.agent.records.index_row import IndexRow
from autotts.envs.episodes import Logs
from autotts.envs.errors import DamagedFile, InputError

from ...environments import environment

SOURCE = "from envs import Controller\n"


def card(name: str = "g001-a", parents: tuple[str, ...] = ()) -> Card:
    protocol = EvaluationProtocol(environments={"a/b": "0"}, betas=(0.5,), first_order=1000, orders=1, max_branches=4)
    return Card(
        id=name, name=name, generation=1, explorer="evolve", parents=parents, sandbox="process", verdict="ok",
        source_sha256=sha256(SOURCE.encode()), protocol=protocol,
    )  # fmt: skip


def test_added_versions_can_be_read(tmp_path: Path) -> None:
    archive = Archive(tmp_path / "archive")
    archive.add(card(), SOURCE, b"logs")
    again = Archive(tmp_path / "archive")
    assert again.ids() == ["g001-a"] and again.card("g001-a") == card() and again.source("g001-a") == SOURCE
    assert again.verify() == [] and again.reindex() == 1
    assert again.index() == [IndexRow.of(card())]
    assert again.resolve("g0") == "g001-a"
    with pytest.raises(InputError, match="no version"):
        again.resolve("h")


@settings(max_examples=60, deadline=None)
@given(at=st.integers(0, 12), name=st.sampled_from(["fsync", "rename", "replace", "open"]))
def test_system_error_at_any_call_leaves_no_incomplete_folder(
    tmp_path_factory: pytest.TempPathFactory, at: int, name: str
) -> None:
    """The disk is full at the n-th system call of a kind: the version is there as a whole, or not at all."""
    archive = Archive(tmp_path_factory.mktemp("faults") / "archive")
    archive.add(card("g001-z"), SOURCE, None)
    real, calls = getattr(os, name), 0

    def failing(*arguments: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls > at:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, name, failing)
        with contextlib.suppress(OSError):
            archive.add(card(), SOURCE, b"logs")
    fresh = Archive(archive.root)
    assert fresh.ids() in (["g001-z"], ["g001-a", "g001-z"])
    assert fresh.verify() == []
    fresh.sweep()
    fresh.add(card(), SOURCE, b"logs")
    assert Archive(archive.root).ids() == ["g001-a", "g001-z"]
    assert not list(archive.root.glob(".writing-*"))


@pytest.mark.parametrize("name", ["controller.py", "card.json", "logs.npz", "manifest.json"])
def test_verify_finds_every_change(tmp_path: Path, name: str) -> None:
    archive = Archive(tmp_path)
    archive.add(card(), SOURCE, b"logs")
    path = tmp_path / "g001-a" / name
    path.write_bytes(path.read_bytes() + b" ")
    if name != "manifest.json":  # white space after JSON changes nothing there
        assert any(name in problem for problem in Archive(tmp_path).verify())
    path.unlink()
    assert Archive(tmp_path).verify()


def test_verify_finds_stray_files_and_missing_parents(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add(card(parents=("g000-gone",)), SOURCE, None)
    (tmp_path / "g001-a" / "more.txt").write_text("x")
    problems = Archive(tmp_path).verify()
    assert any("g000-gone" in p for p in problems) and any("more.txt" in p for p in problems)


def test_error_of_a_damaged_index_names_the_command_that_repairs_it(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.add(card(), SOURCE, None)
    (tmp_path / "index.sqlite").write_bytes(b"nonsense" * 500)
    with pytest.raises(InputError, match="reindex"):
        archive.index()
    archive.reindex()
    assert len(archive.index()) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"[" * 100_000, b"\xff", b"nonsense" * 500])
@pytest.mark.parametrize("name", ["controller.py", "card.json", "logs.npz", "manifest.json", "../index.sqlite"])
def test_verify_reports_junk_in_any_file(tmp_path: Path, name: str, content: bytes) -> None:
    archive = Archive(tmp_path)
    archive.add(card(), SOURCE, b"logs")
    archive.reindex()
    (tmp_path / "g001-a" / name).write_bytes(content)
    again = Archive(tmp_path)
    assert any(Path(name).stem in problem for problem in again.verify())
    for read in (again.card, again.source, again.logs):
        with contextlib.suppress(InputError):
            read("g001-a")


def test_error_of_a_full_disk_names_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError) as error:
        Archive(tmp_path / "archive").add(card(), SOURCE, None)
    assert error.value.filename == str(tmp_path / "archive/g001-a")
    assert list((tmp_path / "archive").iterdir()) == []


def test_error_of_damaged_drafts_says_how_to_resume(tmp_path: Path) -> None:
    staging = Staging(tmp_path / "staged")
    staging.put(CandidateRecord.proposed(Proposal(SOURCE, "why"), 1, "evolve", "g001-a"))
    staging.put_logs("g001-a", b"PK nonsense")
    with pytest.raises(DamagedFile, match=r"g001-a\.npz.*checkpoint"):
        staging.logs("g001-a")
    (tmp_path / "staged/g001-a.json").write_bytes(b"{")
    with pytest.raises(DamagedFile, match=r"g001-a\.json.*checkpoint"):
        staging.get("g001-a")


def test_a_run_that_cannot_be_written_leaves_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = environment([["AAB"]], None, ["B"])
    real, calls = os.fsync, [0]

    def filling_up(descriptor: int) -> None:
        calls[0] += 1
        if calls[0] > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", filling_up)
    with pytest.raises(OSError, match="No space left"):
        Run.create(tmp_path / "run", RunConfig(environments={world.name: world.hash}), [world])
    assert list(tmp_path.iterdir()) == []


def test_lines_of_the_event_log_that_are_not_events_are_left_out(tmp_path: Path) -> None:
    run = Run.__new__(Run)
    run._events = tmp_path / "events.jsonl"
    run._events.write_bytes(
        b'5\n[]\n{"event": 5}\n\xff\n' + b"[" * 100_000 + b'\n{"time": 1, "event": "x"}\n{"event": "cut'
    )
    assert run.events() == [LoggedEvent(1.0, UnknownEvent("x", {}))]


@given(st.lists(st.lists(st.integers(0, 300), max_size=5), max_size=6))
def test_unpacked_logs_equal_the_packed_ones(records: list[list[int]]) -> None:
    logs = Logs(
        answer=np.array([1], np.int32),
        record_offsets=np.array([0, len(records)]),
        verbs=np.zeros(len(records), np.uint8),
        repeats=np.ones(len(records), np.uint16),
        counts=np.array([len(r) for r in records], np.uint16),
        indices=np.array([i for r in records for i in r], np.uint16),
    )
    again = unpack_logs(pack_logs(logs))
    for key, column in logs.columns().items():
        assert np.array_equal(again.columns()[key], column)
    assert pack_logs(logs) == pack_logs(again)
