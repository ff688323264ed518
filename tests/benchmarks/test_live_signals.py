"""The table of methods that use signals, a verifier and forks: live beside replay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.live_signals import METHODS, SignalsSize, TableRow, check_same, rows_of, table, with_window


def measures(accuracy: float, tokens: float) -> dict[str, float]:
    return {"accuracy_pct": accuracy, "tokens": tokens, "latency": tokens / 4}


def test_rows_are_read_from_what_fidelity_wrote(tmp_path: Path) -> None:
    questions = [
        {"beta": beta, "question": question, "live": measures(100 * (question % 2), 1000 + question),
         "replay": measures(50, 1000 * beta)}
        for beta in (0.5, 1.0) for question in range(6)
    ]  # fmt: skip
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"questions": questions}))
    low, high = rows_of(file, "mine", asked=4)
    assert (low.beta, high.beta) == (0.5, 1.0) and low.live.shape == high.replay.shape == (4, 3)
    assert low.live[:, 1].tolist() == [1000, 1001, 1002, 1003] and set(high.replay[:, 1]) == {1000}
    lines = table([low, high])
    assert len(lines) == 4 and lines[2].startswith("| mine | 0.5 | 50.0 [")
    assert "| 500 [500, 500] | +502 [" in lines[2]


def test_differences_are_paired_by_question() -> None:
    random = np.random.default_rng(0)
    replay = random.uniform(0, 1, (40, 3)) * (100, 5000, 500)
    cells = TableRow("mine", 1.0, replay + np.array([1, 10, 1]), replay).cells()
    assert cells[4] == "+1.0 [+1.0, +1.0]" and cells[7] == "+10 [+10, +10]"
    assert cells[2] != cells[3] and "[" in cells[5]


def test_groups_of_a_baseline_get_another_window(tmp_path: Path) -> None:
    changed = [name for name in METHODS if with_window(name, 48, tmp_path) != name]
    assert changed == ["deepconf_low"]
    assert '"window": 48' in (tmp_path / "deepconf_low.py").read_text()


def test_a_directory_goes_on_with_the_same_size_only(tmp_path: Path) -> None:
    for _ in range(2):
        check_same(tmp_path / "out", SignalsSize(), [1.0])
    with pytest.raises(SystemExit, match="has another size"):
        check_same(tmp_path / "out", SignalsSize(asked=3), [1.0])
