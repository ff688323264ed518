"""The progress of a run on standard error."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.llm.ledger import Limit, Limits
from agent.watch import Watch

from .test_graph import begin


@pytest.mark.parametrize(("hours", "left"), [(0.0, "about 0 s left"), (2.0, "about 120 min left")])
def test_the_time_left_is_never_more_than_the_hours_allow(hours: float, left: str, tmp_path: Path, capsys) -> None:  # type: ignore[no-untyped-def]
    run = begin(tmp_path / "run", generations=10**9)
    run.set_limits(Limits(run=Limit(hours=hours)))
    watch = Watch(run)
    watch._began -= 1.0  # a generation has taken a second
    with watch:
        watch.report("generation", {"generation": 0, "of": 10**9})
        watch.report("archived", {"generation": 0, "versions": 6, "best": None, "quality": 0.0, "seeds": 50.0})
    assert left in capsys.readouterr().err
