"""Names of controllers and archives: the named run first, then what ships, and never two meanings in silence."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.archive import resolve
from autotts.agent.archive.champions import champion, champion_source
from autotts.agent.archive.names import find_controller, find_version
from autotts.agent.cli.main import main
from autotts.envs.errors import InputError

from .finished_run import CHILD, GRANDCHILD, finished_run

FRESH = {CHILD: 61.0, GRANDCHILD: 60.0}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return finished_run(Path("runs/1"), FRESH).home


def test_a_named_run_comes_first(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    archive, version = find_version("balanced", str(run))
    assert (archive.root, version) == (run / "archive", CHILD)
    assert "balanced is g001-child of runs/1/archive; shipped:balanced is the one that ships" in caplog.messages
    assert find_controller("frugal", None, str(run / "archive")).version == GRANDCHILD
    assert find_controller("accurate", str(run)).candidate.source == champion_source("accurate"), "the run has none"


def test_without_a_run_the_shipped_one_is_meant_and_said(run: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert find_version("balanced")[1] == champion("balanced")[1]
    assert caplog.messages == ["balanced is the champion that ships; runs/1:balanced is that of the newest run"]
    caplog.clear()
    assert find_controller("accurate").candidate.source == champion_source("accurate")
    assert find_controller(CHILD).version == CHILD and find_controller("g002-g").version == GRANDCHILD
    assert not caplog.messages


def test_a_name_can_say_where(run: Path) -> None:
    assert find_controller("shipped:balanced", str(run)).candidate.source == champion_source("balanced")
    assert find_controller("shipped:self_consistency").candidate.name == "shipped:self_consistency"
    assert find_controller("runs/1:balanced").version == find_controller("runs/1/archive:balanced").version == CHILD
    assert find_version("shipped:evolve:g007-b3263049")[1] == "g007-b3263049"
    for text, message in (
        ("shipped:thrifty", "no controller 'shipped:thrifty': there are shipped:frugal, "),
        ("shipped:nowhere:g001", "no archive 'shipped:nowhere': shipped:evolve, shipped:explorer ship"),
        ("runs/1:thrifty", "no version is called 'thrifty'"),
        ("nobody", "no controller 'nobody': not one of ours"),
        ("g00", "3 versions begin with 'g00'"),
    ):
        with pytest.raises(InputError, match=message):
            find_controller(text)


def test_a_version_is_no_file(run: Path) -> None:
    Path("mine.py").write_text("pass\n")
    with pytest.raises(InputError, match=r"mine\.py is a file, and no version of an archive"):
        find_version("mine.py")


def test_a_directory_is_no_controller(run: Path) -> None:
    with pytest.raises(InputError, match="runs/1/archive is a directory, not a controller: name a run with --run"):
        find_controller("runs/1/archive")


def test_a_path_may_hold_a_colon(run: Path) -> None:
    Path("runs:here").mkdir()
    Path("runs:here/mine.py").write_text("pass\n")
    assert find_controller("runs:here/mine.py").candidate.name == "mine"
    with pytest.raises(InputError, match="no controller ':x'"):
        find_controller(":x")


def test_show_means_the_same_everywhere(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "balanced", "--run", str(run)]) == 0
    assert capsys.readouterr().out.startswith(f"{CHILD}  ")
    assert main(["show", "balanced"]) == 0
    assert capsys.readouterr().out.startswith(champion("balanced")[1])
    assert main(["show", "self_consistency"]) == 0


def test_baselines_have_cards_without_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    archive, version = find_version("self_consistency")
    assert resolve.shipped([find_controller("self_consistency").candidate])
    assert archive.card(version).name == "self_consistency" and not caplog.messages


def test_a_file_without_end_is_no_controller() -> None:
    with pytest.raises(InputError, match="more than 1,048,576 characters"):
        find_controller("/dev/zero")
