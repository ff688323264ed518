"""What a new user meets in the first hour: notices, names in hints, and the rows of a comparison."""

from __future__ import annotations

import json
import logging
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

import autotts
from autotts.agent.cli.docs import HOME
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


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("evaluate x --seeds 3", "no option --seeds; did you mean --orders?"),
        ("evaluat x", "did you mean evaluate?"),
        ("evaluate x --beta 0,0.5", "'0,0.5' is not a number; separate numbers with spaces"),
        ("plot curves runs/9 -o a.png", "runs/9: no such controller file; a controller is a .py file, and --run names"),
        ("evaluate nothing.py", "autotts: nothing.py: no such controller file\n"),
        ("show g00 --archive shipped:evolve", "versions begin with 'g00' in shipped:evolve: g0"),
        ("docs no-such-page", "no page 'no-such-page'"),
    ],
)
def test_wrong_words_get_a_hint(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(line.split())
    except SystemExit as ended:
        code = ended.code  # type: ignore[assignment]
    complaint = capsys.readouterr().err
    assert code == 2 and said in complaint and complaint.count("\n") == 1


def test_page_is_found_by_its_last_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "balanced"]) == 0
    assert capsys.readouterr().out == (HOME / "champions" / "balanced.md").read_text(encoding="utf-8")


def test_every_page_that_a_text_names_exists() -> None:
    root = Path(__file__).parents[3]
    pages = {path.relative_to(HOME).with_suffix("").as_posix() for path in HOME.rglob("*.md")}
    files = [path for folder in ("agent", "autotts", "envs", "sandbox") for path in (root / folder).rglob("*.py")]
    named = {name for path in files for name in re.findall(r"`autotts docs ([\w/-]+)`", path.read_text())} - {"PAGE"}
    assert named and named <= pages


def test_failed_controller_is_told_in_python(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "bad.py").write_text("nothing = 1\n")
    with caplog.at_level(logging.WARNING, "autotts"):
        found = autotts.evaluate(tmp_path / "bad.py", "synthetic/tiny", orders=1, sandbox="process")
    assert not found.verdict.ok and any(message.startswith("bad: ") for message in caplog.messages)


def test_bash_completes_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    (tmp_path / "data" / "aime24").mkdir(parents=True)
    (tmp_path / "data" / "aime24" / "model.env.npz").touch()
    (tmp_path / "mine.py").touch()
    look = """
complete_words() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _shtab_autotts; echo "${COMPREPLY[*]}"; }
complete_words autotts evaluate --sandbox ''
complete_words autotts evaluate bal
complete_words autotts trace m
complete_words autotts evaluate balanced --env a
"""
    shell = ["bash", "-c", capsys.readouterr().out + look]
    done = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, env={"PATH": "/usr/bin:/bin"})
    assert done.stdout.splitlines() == ["auto docker bubblewrap process", "balanced", "mine.py", "aime24/model"]


def test_version_is_that_of_the_changelog() -> None:
    root = Path(__file__).parents[3]
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    assert re.search(r"^## (\S+)", (root / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version  # type: ignore[index]
