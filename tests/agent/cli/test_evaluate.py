"""`autotts evaluate` and `compare` say what they measure, and nothing that is typed has another meaning unsaid."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from autotts.agent.archive.baselines import baseline_names
from autotts.agent.cli.main import main

FEW = ("--env", "synthetic/tiny", "--beta", "0.5", "--orders", "1")


def test_the_count_of_episodes_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "answer_consistency", "--env", "synthetic/tiny", "--beta", "0.5"]) == 0
    out = capsys.readouterr().out
    assert "300 episodes: 1 environment (30 questions) x 1 beta x 10 orders" in out
    assert "latency" in out and "tokens" in out


def test_more_branches_than_are_recorded_get_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "answer_consistency", *FEW, "--max-branches", "999"]) == 0
    note = "at most 999 branches of a question: no question has more than 128 recorded"
    assert note in capsys.readouterr().out
    assert main(["evaluate", "answer_consistency", *FEW]) == 0
    assert "no question has more" not in capsys.readouterr().out


def test_more_workers_than_cores_get_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0})
    assert main(["evaluate", "answer_consistency", *FEW, "--workers", "2"]) == 0
    assert "2 workers share the 1 core of this machine" in capsys.readouterr().out
    assert main(["evaluate", "answer_consistency", *FEW]) == 0
    assert "share the" not in capsys.readouterr().out


def test_a_limit_below_an_interval_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "answer_consistency", *FEW, "--max-tokens", "499"]) == 2
    assert "less than one interval" in capsys.readouterr().err


@pytest.mark.slow
def test_every_baseline_keeps_to_the_limit_on_tokens(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    asked = ["evaluate", *baseline_names(), "--env", "synthetic/*", "--beta", "0", "0.5", "1", "--orders", "1"]
    assert main([*asked, "--max-tokens", "60000", "--json", str(figures)]) == 0
    document = json.loads(figures.read_text())
    rows = document if isinstance(document, list) else document["rows"]
    assert {row["controller"] for row in rows} == set(baseline_names())
    assert all(0 < row["mean_tokens"] <= 60_000 for row in rows)
    assert capsys.readouterr().err == ""
