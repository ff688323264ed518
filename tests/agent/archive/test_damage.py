"""Every file of a finished run: a single changed byte is reported, or the file is made anew with equal content."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

import pytest
from langgraph.checkpoint.base import empty_checkpoint

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.checkpoint_seals import checksum_file
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_lock import working_on
from autotts.agent.archive.run_report import TEXT, read_report
from autotts.agent.archive.verify_run import check_run
from autotts.agent.cli.main import main
from autotts.agent.llm.budget import SpendingLimits
from autotts.agent.loop.checkpoints import list_checkpoints
from autotts.agent.loop.graph import checkpoints
from autotts.agent.loop.staging import Staging
from autotts.agent.records.candidate import CandidateRecord
from autotts.agent.records.events import RunFinished, RunStarted
from autotts.agent.records.explorer import Proposal
from autotts.envs.errors import DamagedFile
from autotts.envs.seals import write_sealed

from .finished_run import CHILD, finished_run

FLIPS = 12
"""Changed bytes in each file; many more in a small one than there are kinds of bytes in it."""


def checkpointed(run: Run) -> None:
    """Write some checkpoints, as the discovery graph does."""
    with checkpoints(run) as saver:
        for step in range(3):
            config = {"configurable": {"thread_id": "discovery", "checkpoint_ns": ""}}
            state = empty_checkpoint()
            state["channel_values"] = {"generation": step, "step": "done"}
            stored = saver.put(config, state, {"source": "loop", "step": step}, {})  # type: ignore[arg-type]
            saver.put_writes(stored, [("generation", step), ("text", "x" * 40)], f"task-{step}")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with every kind of file that the program writes into one."""
    home = tmp_path_factory.mktemp("damage") / "run"
    run = finished_run(home, {CHILD: 61.0, "parallel_probe": 55.0})
    report = read_report(run)
    assert report is not None
    with working_on(home):
        run.set_limits(SpendingLimits())
        run.log(RunStarted("process"))
        run.log(RunFinished(CHILD, 5, ""))
        write_sealed(home / "report.json", report.model_dump_json(indent=1).encode())
        write_sealed(home / "settings.json", b'{\n "seed": {"value": 0, "source": "default"}\n}')
        write_sealed(home / "tracker.json", b'{"tracker":"notes","id":"7","generation":1}')
        write_sealed(home / "report-g001.json", report.model_dump_json(indent=1).encode())
        write_sealed(home / "report-g001.md", b"# an earlier report\n")
        write_sealed(home / "calls" / "g001-propose-0-000-abc.json", b'{"key":"a","model":"m","generation":1}')
        write_sealed(home / "calls" / "g001-propose-0.transcript.txt", b"## asked\nwhat now?")
        write_sealed(home / "workspaces" / "g001-propose-0.result.json", b'{"key":"a"}')
        write_sealed(home / "workspaces" / "g001-propose-0.log", b"thinking")
        staging = Staging(run.staged)
        record = CandidateRecord(
            id="g003-x", generation=3, asked="evolve", proposal=Proposal(source="pass\n", rationale="why")
        )
        staging.put(record)
        staging.put_logs("g003-x", (home / "archive" / CHILD / "logs.npz").read_bytes())
        staging.put_answer("g003-propose-0", [record])
        run.archive.add_replay(CHILD, "abc", {"protocol": {"orders": 1}, "curve": []})
        checkpointed(run)
    assert main(["archive", "reindex", str(home)]) == 0
    assert check_run(home).problems == ()
    return home


def files(home: Path) -> list[Path]:
    return [path for path in sorted(home.rglob("*")) if path.is_file()]


def places(size: int, random: Random) -> Iterator[int]:
    yield from {0, size // 2, size - 1} | {random.randrange(size) for _ in range(FLIPS)}


def test_every_changed_byte_of_a_run_is_reported(whole: Path) -> None:
    random, unseen, kinds = Random(1), list[str](), set[str]()
    assert len(files(whole)) > 40
    for path in files(whole):
        before = path.read_bytes()
        kinds.add(path.suffix)
        for at in places(len(before), random):
            damaged = bytearray(before)
            damaged[at] ^= 1 << random.randrange(8)
            path.write_bytes(damaged)
            if not check_run(whole).problems:
                unseen.append(f"{path.relative_to(whole)} at {at} of {len(before)}")
        path.write_bytes(before)
    assert unseen == []
    texts = {".answer", ".json", ".jsonl", ".log", ".md", ".py", ".sha256", ".txt"}
    assert kinds == {"", ".gz", ".npz", ".sqlite"} | texts
    assert check_run(whole).problems == ()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    made = finished_run(tmp_path / "run", {CHILD: 61.0})
    report = read_report(made)
    assert report is not None
    write_sealed(made.home / "report.json", report.model_dump_json(indent=1).encode())
    return made


@pytest.mark.parametrize("name", ["archive/index.sqlite", f"archive/figures/{CHILD}.npz", TEXT])
def test_damaged_derived_files_are_made_anew_with_equal_content(
    run: Run, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["archive", "reindex", str(run.home)]) == 0
    path = run.home / name
    before = path.read_bytes()
    damaged = bytearray(before)
    damaged[len(damaged) // 2] ^= 4
    path.write_bytes(damaged)
    assert main(["run", "verify", str(run.home)]) == 1
    assert Path(name).name in capsys.readouterr().out
    assert main(["archive", "reindex", str(run.home)]) == 0
    assert path.read_bytes() == before and check_run(run.home).problems == ()


def test_figures_and_cards_with_a_changed_digit_are_never_shown(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    card = run.archive.root / CHILD / "card.json"
    text = card.read_text()
    first = text.index('"accuracy_pct":') + len('"accuracy_pct":') + 1
    card.write_text(text[:first] + ("1" if text[first] != "1" else "2") + text[first + 1 :])
    assert main(["status", str(run.home)]) == 1
    assert "does not match its hash" in capsys.readouterr().err


def test_damaged_source_is_never_run(run: Run) -> None:
    path = run.archive.root / CHILD / "controller.py"
    path.write_text(path.read_text() + "\n")
    with pytest.raises(DamagedFile, match="does not match its hash"):
        Archive(run.archive.root).source(CHILD)


def test_lines_of_the_event_log_are_passed_over_and_named(run: Run) -> None:
    run.log(RunStarted("process"))
    run.log(RunFinished(CHILD, 5, ""))
    path = run.home / "events.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace("5", "6"), '{"time": 1']))
    assert [type(line.event) for line in run.events()] == [RunStarted]
    problems = [line for line in check_run(run.home).problems if line.startswith("events.jsonl")]
    assert ["line 2 is damaged" in problems[0], "line 3 has no end" in problems[1]] == [True, True]


def test_changed_bit_in_a_value_of_the_checkpoint_is_found_after_a_kill(run: Run) -> None:
    checkpointed(run)
    checksum_file(run.checkpoint).unlink()  # as after a kill
    data = bytearray(run.checkpoint.read_bytes())
    at = data.index(b"x" * 40) + 7
    data[at] ^= 1
    run.checkpoint.write_bytes(data)
    with closing(sqlite3.connect(run.checkpoint)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert any("does not match its checksum" in line for line in check_run(run.home).problems)
    with pytest.raises(DamagedFile, match="remove it, and resume"), checkpoints(run):
        pass


def test_reading_checkpoints_changes_no_byte_of_them(run: Run) -> None:
    checkpointed(run)
    before = {path: path.read_bytes() for path in run.home.glob("checkpoint*")}
    list_checkpoints(run)
    assert {path: path.read_bytes() for path in run.home.glob("checkpoint*")} == before and len(before) == 2


def test_files_without_checksums_still_load_and_are_named(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    for path in (run.home / "config.json", run.home / "report.json"):
        document = json.loads(path.read_text())
        del document["checksum"]
        path.write_text(json.dumps(document))
    (run.home / "events.jsonl").write_text('{"time": 1.0, "event": "began", "sandbox": "process"}\n')
    assert main(["run", "verify", str(run.home)]) == 0
    shown = capsys.readouterr().out
    for name in ("config.json", "report.json", "events.jsonl"):
        assert f"{name}: no checksum (written by an earlier version)" in shown
    assert Run(run.home).extend(5) is None and "checksum" not in (run.home / "config.json").read_text()
    assert main(["status", str(run.home)]) == 0


def test_manifest_covers_itself(run: Run) -> None:
    path = run.archive.root / CHILD / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\t", 1))
    assert any("manifest.json" in line for line in check_run(run.home).problems)
