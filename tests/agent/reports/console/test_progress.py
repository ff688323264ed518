"""The progress of a run on standard error."""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from autotts.agent import population
from autotts.agent.llm.budget import SpendingLimit, SpendingLimits
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.events import FinalistsEvaluated, GenerationArchived, GenerationStarted
from autotts.agent.reports.console.progress import ProgressDisplay
from autotts.sandbox.backends.process import ProcessSandbox

from ...loop.test_graph import Single, begin


@pytest.fixture(autouse=True)
def shows_notices(caplog: pytest.LogCaptureFixture) -> None:
    """Set the level that a command sets without `--quiet`."""
    caplog.set_level(logging.INFO, "autotts")


@pytest.mark.parametrize(("hours", "left"), [(0.0, "about 0 s left"), (2.0, "about 120 min left")])
def test_time_left_never_exceeds_the_limit_on_hours(  # type: ignore[no-untyped-def]
    hours: float, left: str, tmp_path: Path, capsys
) -> None:
    run = begin(tmp_path / "run", generations=10**9)
    run.set_limits(SpendingLimits(run=SpendingLimit(hours=hours)))
    watch = ProgressDisplay(run)
    watch._began -= 1.0  # a generation has taken a second
    with watch:
        watch.report(GenerationStarted(0, 10**9))
        watch.report(GenerationArchived(0, 6, 6, None, None, 0.0, 0.0))
    output = capsys.readouterr().err
    assert left in output and "6 versions, none ran" in output


def test_highest_quality_shown_never_falls(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    run = begin(tmp_path / "run")
    watch = ProgressDisplay(run)
    discover(Discovery(run, Single(), ProcessSandbox(), watch.report))
    err = capsys.readouterr().err
    lines = [line for line in err.splitlines() if line.startswith("generation")]
    output = [re.search(r"(?:highest: \S+|best (?:starting version )?\S+) ([\d.]+)", _highest(line)) for line in lines]
    highest = [float(found[1]) for found in output if found]
    seeds = {float(figure) for figure in re.findall(r"best baseline ([\d.]+)", err)}
    cards = run.archive.cards_with_beliefs()
    at = population.budgets(cards)
    assert len(output) == 3 and highest == sorted(highest) and seeds == {highest[0]}
    assert highest[-1] == round(max(population.quality(card, at) for card in cards if card.ok), 2)
    assert re.search(r"final evaluation: \d+ versions on fresh branch orders", err)
    assert lines[-1].endswith(", then the final evaluation")


def _highest(line: str) -> str:
    """Return the part of a progress line that names the version with the highest quality."""
    return line[line.find("highest: ") :] if "highest: " in line else line


def test_a_line_gives_each_figure_with_its_version(tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    watch = ProgressDisplay(begin(tmp_path / "run"))
    start = GenerationArchived(0, 7, 7, "g000-a", 90.71, 88.1, 90.71, "g000-a", "early (g000-a)", 90.71)
    later = GenerationArchived(1, 9, 2, "g001-b", 82.265, 88.1, 90.874, "g001-c", "early (g000-a)", 90.71)
    with watch:
        watch.report(start)
        watch.report(later)
        watch.report(FinalistsEvaluated(0, 1, "fresh branch orders"))
    err = capsys.readouterr().err
    assert "best starting version g000-a 90.71 (yours: early (g000-a) 90.71, best baseline 88.10)" in err
    assert f"best g001-b {82.265:.2f} (highest: g001-c 90.87, yours: early (g000-a) 90.71, best baseline 88.10)" in err
    assert "final evaluation: 1 version on fresh branch orders ..." in err
