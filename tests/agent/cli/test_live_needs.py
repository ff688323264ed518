"""What a live question lacks, or what goes wrong with its verifier and its forks, is one line, not a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autotts.agent.cli.main import main
from autotts.agent.live.collected import CollectedEnvironmentSetup
from autotts.envs import catalogue, store
from autotts.envs.environment import Environment
from autotts.envs.live.settings import CollectedForks

from ...envs.live.stub_server import StubQuestion, StubServer
from .test_fidelity import collected

QUESTION = "What is 1 + 1?"
ANSWERS: list[list[str | None]] = [["3", "2", "2"], [None, "3", "3"], ["2", "2"], ["2", None, "2"]]
STUB = StubQuestion.of(QUESTION, ANSWERS, [120, 110, 70, 150], 50)
CONTROLLER = """
from envs import Controller, Question

class Mine(Controller):
    name = "mine"
    {declared}

    @staticmethod
    def schedule(beta):
        return {{}}

    def solve(self, question: Question):
        branches = question.branch_many(2)
        {body}
        return str(len(branches))
"""


def words(server: StubServer, controller: str, *more: str) -> list[str]:
    return ["ask", controller, QUESTION, "--base-url", server.base_url, "--delta", "50", "--branches", "4", "--beta",
            "1", "--answers", "exact", "--sandbox", "process", *more]  # fmt: skip


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    lines = [line for line in capsys.readouterr().err.splitlines() if line]
    assert not any("Traceback" in line for line in lines)
    return lines[-1]


@pytest.mark.parametrize(
    ("flavour", "controller", "more", "line"),
    [
        ("vllm", "best_of_n", (), "best_of_n needs a verifier, .*: --verifier names one"),
        ("ollama", "deepconf_low", (), "needs the signal lowest_group, .*: this server gives no log-probabilities"),
        ("vllm", "deepconf_low", ("--alternatives", "1"), "needs the signal lowest_group, .*: see --alternatives"),
        ("openai", "beam_search", ("--verifier", "http://127.0.0.1:9/"), "forks, .*this server cannot continue"),
        ("vllm", "self_consistency", ("--verifier", "http://"), "--verifier: expected an address"),
    ],
)
def test_what_the_question_lacks_is_said_before_anything_is_asked(
    flavour: str, controller: str, more: tuple[str, ...], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with StubServer([STUB], flavour=flavour) as server:
        assert main(words(server, controller, *more)) == 2
        asked = [seed for (_, seed), counts in server.by_request.items() if counts.attempts and seed is not None]
    printed = last_line(capsys)
    assert not asked
    for part in line.split(".*"):
        assert part in printed


@pytest.fixture
def server() -> Iterator[StubServer]:
    with StubServer([STUB]) as server:
        yield server


@pytest.mark.slow
@pytest.mark.parametrize(
    ("declared", "body", "more", "code", "line"),
    [
        ('forks = "needed"', "question.fork(0)", (), 1, "branch 0 has not been advanced: there is nothing to fork"),
        (
            'verifier = "needed"', "question.step(0); question.verify(0)", ("--verifier", "v.py:wrong"), 2,
            "--verifier v.py:wrong: a score is a number or none, but this is nan",
        ),
        (
            'verifier = "needed"', "question.step(0); question.verify(0)", ("--verifier", "v.py:ends"), 2,
            "--verifier v.py:ends: SystemExit: 3",
        ),
        ("", "question.step(0)", ("--branches", "4097"), 2, "a live question has at most 4,096 branches, not 4,097"),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_one_line(
    server: StubServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    declared: str, body: str, more: tuple[str, ...], code: int, line: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(CONTROLLER.format(declared=declared, body=body))
    Path("v.py").write_text(
        "import sys\ndef wrong(q, t, f): return float('nan')\ndef ends(q, t, f): sys.exit(3)\n"
    )
    asked = words(server, "mine.py", *more)
    if "--branches" in more:
        at = asked.index("--branches")
        del asked[at : at + 2]
    assert main(asked) == code
    assert line in last_line(capsys)


@pytest.mark.slow
def test_a_budget_that_ends_at_a_verification_ends_in_a_vote(
    server: StubServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "mine.py"
    body = "question.step_many(branches); question.verify_many(branches)"
    file.write_text(CONTROLLER.format(declared='verifier = "needed"', body=body))
    (tmp_path / "v.py").write_text("def good(question, text, finished):\n    return 1\n")
    judge = ("--verifier", f"{tmp_path / 'v.py'}:good", "--verify-cost", "30", "--max-tokens", "140")
    assert main(words(server, str(file), *judge)) == 0
    printed = capsys.readouterr().out
    assert "spent: 130 tokens" in printed, "two steps, and the one verification that fits"
    assert "answer: 2" in printed or "answer: 3" in printed


def with_parts(env: Environment) -> Environment:
    """Return ``env`` with a verifier, and a provenance that tells of it."""
    return replace(
        env, verifier=np.zeros(len(env.probe_answers), np.float32),
        final_verifier=np.zeros(len(env.final_answers), np.float32),
        provenance={**env.provenance, "verifier": "v.py:mine", "group tokens": "48", "alternatives": "7"},
    )  # fmt: skip


def test_fidelity_wants_the_verifier_of_the_collection(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    env = with_parts(collected())
    store.save(env, catalogue.path_of(tmp_path, env.name))
    line = ["fidelity", "best_of_n", "--env", env.name, "--data", str(tmp_path)]
    assert main(line) == 2
    expected = "best_of_n asks a verifier: name one with --verifier (that of the collection was v.py:mine)"
    assert expected in last_line(capsys)


def test_live_episodes_are_asked_as_the_branches_were_collected() -> None:
    env = with_parts(collected())
    setup = CollectedEnvironmentSetup.of(env)
    settings = setup.settings(0, None, None, 0, forks=True)
    assert (setup.alternatives, settings.group_tokens) == (7, 48)
    assert settings.collected_forks == CollectedForks(8) and not settings.collected_forks.forks
    assert setup.settings(0, None, None, 0, forks=True, forks_anywhere=True).collected_forks is None
    count = len(env.final_answers)
    forked = replace(env, parents=np.full(count, -1, np.int32), fork_depths=np.zeros(count, np.int32))
    assert forked.parents is not None and forked.fork_depths is not None
    for branch, parent, depth in ((5, 0, 1), (6, 0, 1), (7, 0, 2)):
        forked.parents[branch], forked.fork_depths[branch] = parent, depth
    assert CollectedEnvironmentSetup.of(forked).forks(0) == CollectedForks(5, (1, 2), 2)
