"""The progress of a run on standard error."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from autotts.agent import population
from autotts.agent.llm.budget import SpendingLimit, SpendingLimits
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery
from autotts.agent.records.events import GenerationArchived, GenerationStarted
from autotts.agent.reports.console.progress import ProgressDisplay
from autotts.sandbox.backends.process import ProcessSandbox

from ...loop.test_graph import Single, begin


@pytest.mark.parametrize(("hours", "left"), [(0.0, "about 0 s left"), (2.0, "about 120 min left")])
def test_time_left_never_exceeds_the_limit_on_hours(hours: float, left: str, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
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
    output = re.findall(r"highest quality ([\d.]+) \(best baseline ([\d.]+)\)", capsys.readouterr().err)
    highest, seeds = [float(figure) for figure, _ in output], {float(seed) for _, seed in output}
    cards = run.archive.cards_with_beliefs()
    at = population.budgets(cards)
    assert len(output) == 3 and highest == sorted(highest) and seeds == {highest[0]}
    assert highest[-1] == round(max(population.quality(card, at) for card in cards if card.ok), 2)
