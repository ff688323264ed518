"""Reproduces some of the published rows; `benchmarks/published.py` compares all of them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from autotts.envs.importing import published

REPO = Path(__file__).resolve().parents[2]
SHARED = REPO.parent / "shared"


@pytest.mark.data
@pytest.mark.skipif(not (SHARED / "replay").is_dir(), reason="the published replay data is not beside the repository")
def test_published_rows_are_reproduced_exactly(capsys: pytest.CaptureFixture[str]) -> None:
    spec = importlib.util.spec_from_file_location("published_rows", REPO / "benchmarks" / "published.py")
    assert spec is not None and spec.loader is not None
    rows = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(rows)
    some = [
        row
        for row in rows.rows(SHARED / "reference" / "aime24_published.csv")
        if row["model"] == "Qwen3-4B"
        and (row["beta"] in ("0.0", "0.5") if row["beta"] else row["max_branches"] in ("1", "16"))
    ]
    assert len(some) >= 7
    env = published.read(SHARED / "replay" / "aime24" / "Qwen3-4B.json", "Qwen3-4B")
    assert rows.compare({"Qwen3-4B": env}, some, workers=2) == 0, capsys.readouterr().out
