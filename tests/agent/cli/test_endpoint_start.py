"""`autotts endpoint start` and `endpoint questions`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from autotts.agent.cli.main import main
from autotts.envs.live.tiny.questions import questions


def test_start_serves_until_control_c() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "autotts", "endpoint", "start", "--port", "0", "--parallel", "1"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with urllib.request.urlopen(f"{url}/models", timeout=60) as answer:
        assert json.load(answer)["data"][0]["id"] == "autotts-tiny"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0 and "Traceback" not in errors


def test_questions_are_lines_with_gold_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "questions.jsonl"
    assert main(["endpoint", "questions", "--count", "7", "--seed", "4", "--out", str(path), "--quiet"]) == 0
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(row["question"], row["gold_answer"]) for row in rows] == questions(7, 4)
    assert main(["endpoint", "questions", "--count", "7", "--seed", "4"]) == 0
    assert capsys.readouterr().out == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [
    ["start", "--model-file", "none.gguf"], ["start", "--port", "-3"], ["questions", "--out", "no/folder/q.jsonl"],
])  # fmt: skip
def test_what_cannot_be_done_is_said_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["endpoint", *words]) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 1
