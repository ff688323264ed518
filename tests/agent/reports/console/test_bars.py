"""Long commands show a progress bar on a terminal, and nothing elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from autotts.agent.reports.console.bars import ProgressBars

EVALUATE = ("evaluate", "self_consistency", "--env", "synthetic/*", "--beta", "0.5", "--orders", "2")
COLOUR = re.compile(r"\x1b\[[0-9;]*[34][0-9][0-9;]*m")


def on_a_terminal(home: Path, *arguments: str, **variables: str) -> tuple[str, str]:
    """Run a command whose standard error alone is a terminal; return its standard output, and the terminal's text."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", **variables}
    process = subprocess.Popen(
        [sys.executable, "-m", "autotts", *arguments], cwd=home, stdout=subprocess.PIPE, stderr=theirs, env=environment
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            data = os.read(ours, 1 << 16)
        except OSError:  # the other end is closed
            break
        if not data:
            break
        shown += data
    output, _ = process.communicate()
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    return output.decode(), shown.decode()


@pytest.mark.slow
def test_evaluate_shows_a_bar_on_a_terminal_and_results_on_standard_output(tmp_path: Path) -> None:
    output, shown = on_a_terminal(tmp_path, *EVALUATE)
    assert "self_consistency" in shown and "0/240" in shown and COLOUR.search(shown)
    assert "\nsandbox process" in output and "\n240 episodes: 4 environments" in output and "\x1b" not in output
    assert "sandbox process" not in shown


@pytest.mark.slow
def test_no_color_turns_colours_off(tmp_path: Path) -> None:
    _, shown = on_a_terminal(tmp_path, *EVALUATE, NO_COLOR="1")
    assert "0/240" in shown and not COLOUR.search(shown)


@pytest.mark.slow
def test_quiet_shows_no_bar(tmp_path: Path) -> None:
    output, shown = on_a_terminal(tmp_path, *EVALUATE, "--quiet")
    assert shown == "" and "self_consistency" in output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "label"),
    [
        (("compare", "early_stopping", *EVALUATE[1:]), "early_stopping"),
        (("env", "synthesize", "--questions", "2", "--branches", "4"), "synthesize"),
        (("archive", "verify", "--archive", "shipped:evolve"), "verify"),
        (("plot", "curves", "self_consistency", "--beta", "0.5", "--orders", "2", "-o", "a.svg"), "self_consistency"),
    ],
)
def test_other_long_commands_show_a_bar_too(arguments: tuple[str, ...], label: str, tmp_path: Path) -> None:
    _, shown = on_a_terminal(tmp_path, *arguments)
    assert label in shown and "0/" in shown


def test_nothing_is_drawn_where_standard_error_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBars() as bars:
        assert list(bars.over("[red]items", [1, 2, 3])) == [1, 2, 3]
        bar = bars.add("more")
        bar(2)
        bar.label("[/] even more")
    assert not bars.shown and capsys.readouterr().err == ""
