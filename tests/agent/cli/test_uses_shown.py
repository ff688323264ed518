"""`autotts show`, `trace` and `env show` tell what a controller uses beside answers, and what an environment holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs.signals import STANDARD

from ..ui.archives import tree, tree_archive


@pytest.fixture(scope="module")
def trees(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree_archive(tmp_path_factory.mktemp("trees"))


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def test_show_says_what_a_controller_uses(trees: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = "  uses       It needs a verifier and forks."
    assert line in told(capsys, "show", f"{trees}:beam_search").splitlines()
    assert "  uses " not in told(capsys, "show", f"{trees}:self_consistency")


def test_env_show_says_which_parts_there_are_and_what_they_tell(
    trees: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = told(capsys, "env", "show", tree().name, "--data", trees / "data")
    for words in (
        "signals        answer_confidence, ", "50 tokens a verification", "at depth 2, 4, 7, 11, others are refused",
        "entropy (lower is surer): 0.", "confidence: 0.", "verifier: 0.",
    ):  # fmt: skip
        assert words in text, words
    assert STANDARD["entropy"].higher_is == "less sure"


def test_trace_names_forked_branches_and_counts_what_was_paid(trees: Path, capsys: pytest.CaptureFixture[str]) -> None:
    at = ("--env", tree().name, "--data", trees / "data", "--question", 1, "--max-branches", 16, "--sandbox", "process")
    text = told(capsys, "trace", f"{trees}:beam_search", *at, "--steps")
    assert "| fork of " in text and "shared before fork" in text and " forks, " in text and " verifications" in text
    assert "; score 0." in text and "; opens 4" in text
