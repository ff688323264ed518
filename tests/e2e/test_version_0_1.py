"""Runs, archives, bundles and figures that version 0.1 of the program wrote are still read, resumed and replayed.

The files are in ``tests/data/version-0.1.tar.gz``: a finished run, runs of the same settings that were killed at four
places, a bundle, a replay, and figures of `evaluate --json`.
"""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.measurements import figures
from autotts.agent.archive.reader import open_reader
from autotts.agent.archive.run_directory import Run
from autotts.agent.archive.run_report import read_report
from autotts.agent.cli.main import main
from autotts.agent.loop.checkpoints import list_checkpoints
from autotts.agent.records.events import RunFinished, UnknownEvent
from autotts.envs.seals import read_sealed

FILES = Path(__file__).parents[1] / "data" / "version-0.1.tar.gz"
KILLED = ("killed_asking", "killed_evaluating", "killed_archiving", "killed_choosing")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with tarfile.open(FILES) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(root: Path) -> dict[str, tuple[object, str, bytes]]:
    """Return card, source and logs of every version; its schema may differ, and the old program noted no audit."""
    archive = Archive(root)
    return {
        version: (
            archive.card(version).model_copy(update={"schema_version": 2, "audited": None}),
            archive.source(version),
            read_sealed(root / version / "logs.npz") if (root / version / "logs.npz").exists() else b"",
        )
        for version in archive.ids()
    }


def test_finished_run_opens_and_verifies(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(old / "finished")
    report = read_report(run)
    assert run.config.orders == 1 and report is not None and report.best in run.archive
    assert {card.explorer for card in run.archive.cards() if card.generation == 0} == {"baseline"}
    assert all(card.protocol.first_order == 1000 for card in run.archive.cards())
    events = run.events()
    assert isinstance(events[-1].event, RunFinished) and run.hours() > 0
    assert not any(isinstance(line.event, UnknownEvent) for line in events)
    moments = list_checkpoints(run)
    assert moments[0].next == () and moments[0].generation == 3
    assert {"ask", "execute", "archive", "choose"} <= {node for moment in moments for node in moment.next}
    for command in ("status finished", "lineage --run finished", "archive verify --run finished"):
        assert main(command.split()) == 0, capsys.readouterr()
    evidence = [case for card in run.archive.cards() for finding in card.findings for case in finding.worst]
    assert evidence and all(case.order == 1000 for case in evidence)


def test_resuming_a_finished_run_changes_nothing(old: Path) -> None:
    before = {path: path.read_bytes() for path in (old / "finished" / "archive").rglob("*") if path.is_file()}
    report = (old / "finished" / "report.json").read_bytes()
    assert main(["resume", "finished", "--workers", "1"]) == 0
    assert {path: path.read_bytes() for path in before} == before
    assert (old / "finished" / "report.json").read_bytes() == report


def actions(root: Path) -> set[tuple[object, ...]]:
    """Return what every version does, without its text: `evolve` writes the same program in other words today."""
    archive = Archive(root)
    cards = [archive.card(version) for version in archive.ids()]
    return {
        (c.generation, c.explorer, c.name, c.verdict, c.curve, (root / c.id / "logs.npz").read_bytes())
        for c in cards
    }


@pytest.mark.parametrize("name", KILLED)
def test_killed_run_resumes_to_the_actions_of_an_undisturbed_run(name: str, old: Path) -> None:
    answered = sorted((old / name / "staged").rglob("*")) if name == "killed_asking" else []
    kept = contents(old / name / "archive")
    assert main(["resume", name, "--workers", "1"]) == 0
    assert kept.items() <= contents(old / name / "archive").items()
    assert actions(old / name / "archive") == actions(old / "finished" / "archive")
    assert answered or name != "killed_asking"
    assert main(["archive", "verify", "--run", name]) == 0


def test_run_that_was_killed_before_its_report_has_that_of_an_undisturbed_run(old: Path) -> None:
    assert main(["resume", "killed_choosing", "--workers", "1"]) == 0
    assert contents(old / "killed_choosing" / "archive") == contents(old / "finished" / "archive")
    finished, resumed = read_report(Run(old / "finished")), read_report(Run(old / "killed_choosing"))
    assert finished is not None and resumed is not None and resumed == finished


def test_bundle_imports_and_verifies(old: Path) -> None:
    assert main(["archive", "import", "bundle.zip", "--archive", "imported"]) == 0
    there, here = contents(old / "imported"), contents(old / "finished" / "archive")
    assert there and there.items() <= here.items()
    assert main(["archive", "verify", "--archive", "imported"]) == 0


def test_archive_replays_and_its_old_replays_are_read(old: Path) -> None:
    reader = open_reader("finished", None, "data")
    archive = Archive(old / "finished" / "archive")
    card = archive.card(next(card.id for card in archive.cards() if card.ok and card.generation > 0))
    assert [protocol.orders for _, protocol, _ in figures(reader, card)] == [1, 2]
    before = json.loads((old / "replay" / "results.json").read_bytes())
    command = "replay --run finished --env toy/* --data data --orders 2 --max-branches 8 --select all"
    assert main([*command.split(), "--sandbox", "process", "-o", "replay"]) == 0
    after = json.loads((old / "replay" / "results.json").read_bytes())
    assert [protocol.orders for _, protocol, _ in figures(reader, card)] == [1, 2], "the same protocol is shown once"
    assert after["rows"] == before["rows"] and after["equal"] == before["equal"]


def test_figures_of_evaluate_are_plotted(old: Path) -> None:
    assert main(["plot", "curves", "figures.json", "-o", "curves.svg"]) == 0
    assert (old / "curves.svg").stat().st_size > 1000
