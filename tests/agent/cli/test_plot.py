"""`autotts plot curves` reads JSON figures, also those of earlier versions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.cli.main import main
from autotts.agent.reports.plots import curves
from autotts.agent.reports.plots.curves import CurveLine

POINT = {
    "environment": "mean", "beta": 0.5, "accuracy_pct": 75.0, "accuracy_ci": [70.0, 80.0], "mean_tokens": 9000.0,
    "mean_tokens_ci": [8000.0, 10000.0], "mean_latency": 900.0, "episodes": 40,
}  # fmt: skip
FIGURES = [{"controller": name, **POINT} for name in ("parallel_probe", "g001-abc")]
"""As `evaluate --json` has always written them."""
REPORT = {
    "best": "g001-abc",
    "curves": {"parallel_probe": [POINT], "g001-abc": [POINT], "g001-def": [POINT]},
    "protocol": {"first_seed": 1_000_000, "seeds": 20},
}
"""The part of a report of version 0.1 that a picture needs; its protocol calls branch orders seeds."""


@pytest.mark.parametrize("document", [FIGURES, REPORT], ids=["evaluate --json", "report.json"])
def test_plot_curves_reads_json_of_earlier_versions(
    document: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[CurveLine] = []
    monkeypatch.setattr(curves, "draw_curves", lambda found, *_, **__: lines.extend(found))
    (tmp_path / "figures.json").write_text(json.dumps(document))
    assert main(["plot", "curves", str(tmp_path / "figures.json"), "-o", str(tmp_path / "a.png")]) == 0
    assert [(line.name, line.written, len(line.points)) for line in lines] == [
        ("parallel_probe", True, 1), ("g001-abc", False, 1)
    ]  # fmt: skip
    assert lines[0].points[0].accuracy_ci == (70.0, 80.0)
