"""A replay of controllers from files, beside versions of archives or without any."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import autotts
from autotts.agent.archive.names import FoundController, find_controller
from autotts.agent.archive.shipped import CACHE_VARIABLE
from autotts.agent.cli.main import main
from autotts.agent.reports.replay.select import entries
from autotts.agent.reports.replay.tables import summary
from autotts.envs.errors import InputError
from autotts.sandbox.outcome import Candidate

pytestmark = pytest.mark.slow

MINE = """from envs import Controller
class Mine(Controller):
    name = "mine"
    def solve(self, question):
        return question.run_to_end(question.branch())
"""
SETTINGS = {"betas": [0.0, 1.0], "orders": 1, "max_branches": 4, "sandbox": "process", "workers": 1}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_a_file_is_replayed_without_any_archive(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = "replay mine.py --env synthetic/tiny --beta 0 1 --orders 1 --max-branches 4 --sandbox process --workers 1"
    assert main(words.split()) == 0
    said = capsys.readouterr().out
    assert "1 version and 6 hand-written baselines on 1 environment; branch order" in said
    document = json.loads((here / "replay/results.json").read_text())
    mine = next(each for each in document["controllers"] if each["label"] == "mine")
    assert mine["explorer"] == "given" and not mine["baseline"]


def test_files_and_versions_are_replayed_together() -> None:
    found = autotts.replay(None, "synthetic/tiny", controllers=["mine.py", "shipped:balanced"], **SETTINGS)  # type: ignore[arg-type]
    assert {"mine", "shipped:balanced", "self_consistency"} <= {row.controller for row in found.rows}
    assert not found.failures and found.held_out == 0 and "which the search had not seen" not in summary(found)[0]


def test_names_are_not_taken_twice() -> None:
    mine = FoundController(Candidate("mine", MINE))
    with pytest.raises(InputError, match="mine is named twice"):
        entries(None, (), [mine, FoundController(Candidate("mine", MINE + "\n"))])
    (given, *baselines) = entries(None, (), [FoundController(Candidate("self_consistency", MINE))])
    assert given.label == "self_consistency (given)" and all(each.baseline for each in baselines)
    assert len(entries(None, (), [find_controller("self_consistency"), mine])) == 7
