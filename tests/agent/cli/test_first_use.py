"""What a new user meets in the first hour: notices, names in hints, and the rows of a comparison."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.sandbox import choice
from autotts.sandbox.base import SandboxError

from ..archive.finished_run import CHILD, finished_run

SMALL = ["--env", "synthetic/tiny", "--orders", "1", "--beta", "0.5", "--max-branches", "4", "--workers", "1"]


def test_hint_of_a_finding_can_be_run(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "balanced"]) == 0
    text = capsys.readouterr().out
    assert "autotts trace shipped:evolve:g007-b3263049 --env" in text
    command = shlex.split(re.findall("`(autotts trace [^`]+ --env [^`]+)`", text)[0])
    command[command.index("--env") + 1] = "synthetic/tiny"  # the recordings may be missing
    assert main([*command[1:], "--workers", "1", "--max-branches", "4"]) == 0


def test_notices_of_evaluate_fit_controllers_that_ship(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["evaluate", "balanced", *SMALL]) == 0
    assert "sandbox process (for controllers that ship)" in capsys.readouterr().out
    assert main(["evaluate", "balanced", *SMALL, "--sandbox", "process"]) == 0
    assert "sandbox process (a guard against accidents, not malice)" in capsys.readouterr().out


def test_engine_without_an_image_is_told_where_a_search_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_image(*_: object) -> None:
        raise SandboxError("the Docker engine has no sandbox image")

    monkeypatch.setattr(choice, "_docker", no_image)
    monkeypatch.setattr(choice.bubblewrap, "works", lambda: "")
    told: list[str] = []
    choice.open_sandbox(notice=told.append).close()
    assert told == ["the Docker engine has no sandbox image; until then bubblewrap is used"]
    controller = tmp_path / "broken.py"
    controller.write_text("nothing = 1\n")
    main(["evaluate", str(controller), *SMALL])
    assert "no sandbox image" not in capsys.readouterr().err
    main(["evaluate", str(controller), *SMALL, "--verbose"])
    assert "no sandbox image" in capsys.readouterr().err


def test_comparison_names_its_controllers_and_notes_other_champions_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    finished_run(Path("runs/1"), {CHILD: 60.0})
    assert main(["compare", "balanced", "frugal", *SMALL, "--json", "-"]) == 0
    printed = capsys.readouterr()
    assert {(row["first"], row["second"]) for row in json.loads(printed.out)} == {("balanced", "frugal")}
    assert printed.err.count("is the champion that ships") == 1
