"""`autotts ask`: one live question, its picture and its answer."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from autotts.agent.cli.main import main

from ...envs.live.stub_server import StubQuestion, StubServer

QUESTION = "What is 1 + 1?"
ANSWERS: list[list[str | None]] = [["3", "2", "2"], [None, "3", "3"], ["2", "2"], ["2", None, "2"]]
LENGTHS = [120, 110, 70, 150]


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer([StubQuestion.of(QUESTION, ANSWERS, LENGTHS, 50)]) as server:
        yield server


def words(server: StubServer, *more: str, controller: str = "self_consistency") -> list[str]:
    return [
        "ask", controller, QUESTION, "--base-url", server.base_url, "--delta", "50", "--branches", "4", "--beta", "1",
        "--answers", "exact", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_answer_votes_and_tokens_are_those_of_the_branches(
    server: StubServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "answer.json"
    assert main([*words(server), "--json", str(file), "--show-text"]) == 0
    printed = capsys.readouterr()
    assert "answer: 2\n" in printed.out and "votes: 2 x3, 3 x1" in printed.out
    assert "spent: 450 tokens, critical path 150 tokens" in printed.out
    assert "█ the leading answer" in printed.out and "| ended" in printed.out and "\x1b" not in printed.out
    assert "\\boxed{2}" in printed.out
    assert "4 of 4 branches, 0 running, 450 tokens" in printed.err
    found = json.loads(file.read_text())
    assert found["answer"] == "2" and found["votes"] == [{"answer": "2", "votes": 3}, {"answer": "3", "votes": 1}]
    assert (found["tokens"], found["latency"], found["branches"], found["verdict"]) == (450, 150, 4, "ok")
    assert found["branch_use"]["generated"] == 450
    assert found["text"].endswith("\\boxed{2}") and found["model"] == server.model_name


@pytest.mark.slow
def test_question_is_read_from_standard_input_and_json_stands_alone(
    server: StubServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(f"{QUESTION}\n".encode())))
    line = words(server, "--json", "-", controller="parallel_probe")
    line[line.index(QUESTION)] = "-"
    assert main(line) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["answer"] == "2" and found["probe_use"]["requests"] > 0


def all_of(terminal: int) -> bytes:
    """Return what is written to a terminal until its other side is closed."""
    seen = bytearray()
    while True:
        try:
            seen += os.read(terminal, 1 << 16)
        except OSError:  # nobody writes any more
            return bytes(seen)


@pytest.mark.slow
def test_picture_grows_on_a_terminal(server: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with open(theirs, "w", closefd=True) as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        with ThreadPoolExecutor(1) as reader:  # a terminal holds 4 KiB, and gives no more at once
            shown = reader.submit(all_of, ours)
            assert main(words(server, controller="parallel_probe")) == 0
            terminal.close()
            seen = shown.result().decode(errors="replace")
    os.close(ours)
    assert "\x1b[?25l" in seen and "\x1b[?25h" in seen  # the cursor is hidden while the picture grows, and comes back
    assert "\x1b[32m█" in seen and "answer: 2" in seen


@pytest.mark.slow
def test_a_controller_that_fails_is_a_verdict_and_exit_code_1(
    server: StubServer, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from envs import Controller\nclass Mine(Controller):\n    def solve(self, question):\n"
        "        question.step(question.branch())\n        raise ValueError('no')\n"
    )
    assert main([*words(server, controller=str(file)), "--sandbox", "process"]) == 1
    printed = capsys.readouterr()
    assert "ValueError" in printed.err and "Traceback" not in printed.err and "answer: no answer" in printed.out


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (("ask", "self_consistency", " "), "the question is empty"),
        (("ask", "nobody", "1 + 1?"), "nobody"),
        (("ask", "self_consistency", "1 + 1?", "--beta", "2"), "--beta is 2"),
        (("ask", "self_consistency", "1 + 1?", "--model", "m"), "--model is given without --base-url"),
        (("ask", "self_consistency", "1 + 1?", "--api-key-env", "NO_SUCH_KEY"), "NO_SUCH_KEY"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    line: tuple[str, ...], error: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(line) == 2
    printed = capsys.readouterr().err
    assert error in printed and len(printed.splitlines()) == 1


def test_bad_options_of_answers_are_refused_once_the_server_answers(
    server: StubServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for more, error in (
        (("--probe-suffix", "qwn"), "did you mean qwen?"),
        (("--extract", "("), "--extract"),
        (("--branch-tokens", "10"), "branch_tokens is 10"),
        (("--model", "other"), "other"),
    ):
        assert main(words(server, *more)) == 2
        printed = capsys.readouterr().err
        assert error in printed and len(printed.splitlines()) == 1, more


@pytest.mark.slow
def test_options_of_the_model_come_from_the_file_of_settings(
    server: StubServer, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("autotts.toml").write_text(
        f'base-url = "{server.base_url}"\ntemperature = 0.6\ntop-k = 20\n\n[ask]\ndelta = 50\nbranches = 4\n'
        'probe-suffix = "deepseek"\nextract = ["boxed", "last-line"]\nanswers = "exact"\ntimeout = 30\n'
    )
    assert main(["ask", "self_consistency", QUESTION, "--beta", "1", "--json", "answer.json"]) == 0
    assert "settings from autotts.toml: " in capsys.readouterr().out
    found = json.loads(Path("answer.json").read_text())
    assert (found["answer"], found["tokens"], found["latency"]) == ("2", 450, 150)
