"""`autotts fidelity`: a controller live on collected questions, and kept episodes again in replay."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from autotts.agent.archive.archive import sha256
from autotts.agent.archive.baselines import baseline_source
from autotts.agent.cli.main import main
from autotts.envs import catalogue, store
from autotts.envs.contract.replay import Recording
from autotts.envs.live.kept_episode import KeptEpisode
from autotts.envs.live.question import LiveQuestion
from autotts.envs.live.settings import LiveSettings
from autotts.envs.store import Environment

from ...environments import environment
from ...envs.live.fake_endpoint import SUFFIX, FakeEndpoint, fake_reader
from ...envs.live.stub_server import StubQuestion, StubServer

DELTA, BRANCHES, QUESTIONS = 50, 8, 12
PROVENANCE = {
    "model": "stub-model", "level": "full", "sampling": '{"temperature": 1.0, "top_p": 1.0, "top_k": 0, "min_p": 0.0}',
    "branch tokens": "100000", "probe suffix": SUFFIX, "probe tokens": "8", "extract": "boxed",
}  # fmt: skip


def branches(random: Random, right: float) -> tuple[list[list[str | None]], list[int]]:
    """Return the answers and the lengths of branches that are right with this chance."""
    columns: list[list[str | None]] = []
    lengths: list[int] = []
    for _ in range(BRANCHES):
        size = random.randint(2, 5)
        columns.append(["7" if random.random() < right else random.choice("123") for _ in range(size)])
        lengths.append(DELTA * (size - 1) + random.randint(10, DELTA))
    return columns, lengths


def collected(seed: int = 0, right: float = 0.6) -> Environment:
    """Return an environment with the provenance of a collected one."""
    random = Random(seed)
    drawn = [branches(random, right) for _ in range(QUESTIONS)]
    made = environment([c for c, _ in drawn], [t for _, t in drawn], ["7"] * QUESTIONS, delta=DELTA, name="toy/stub")
    texts = tuple(f"Question {q}: which number?" for q in range(QUESTIONS))
    return replace(made, questions=texts, provenance=PROVENANCE)


def serve(env: Environment, right: float, seed: int = 2) -> StubServer:
    """Return a server that knows the questions of ``env``, with other branches."""
    random = Random(seed)
    return StubServer([StubQuestion.of(text, *branches(random, right), DELTA) for text in env.questions])


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    env = collected()
    store.save(env, catalogue.path_of(tmp_path / "data", env.name))
    yield tmp_path / "data"


def words(data: Path, server: StubServer, *more: str) -> list[str]:
    return [
        "fidelity", "self_consistency", "--env", "toy/*", "--data", str(data), "--base-url", server.base_url, "--beta",
        "0.4", "--orders", "20", "--workers", "1", *more,
    ]  # fmt: skip


@pytest.mark.slow
def test_a_model_like_the_collected_one_agrees_question_by_question(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "found.json"
    with serve(collected(), 0.6) as server:
        code = main(words(data, server, "--repeats", "2", "--json", str(file)))
    printed = capsys.readouterr()
    found = json.loads(file.read_text())
    assert code == 0 and found["agrees"] and "beta 0.4: live agrees with replay" in printed.out
    assert [row["measure"] for row in found["rows"]] == ["accuracy", "tokens", "latency"]
    assert len(found["questions"]) == QUESTIONS and "autotts:" not in printed.err
    for row in found["rows"]:
        low, high = row["difference_ci"]
        assert low <= row["difference"] <= high
        assert row["difference"] == pytest.approx(row["live"] - row["replay"])


@pytest.mark.slow
def test_another_model_differs_and_is_named(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve(collected(), 0.02) as server:
        server.model_name = "worse-model"
        assert main(words(data, server, "--questions", "10")) == 1
    printed = capsys.readouterr()
    assert "live differs from replay: accuracy differs" in printed.out
    assert "collected from stub-model, but this server has worse-model" in printed.err


def test_what_cannot_be_compared_is_one_line_and_exit_code_2(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bare = replace(collected(), provenance={}, name="bare/one")
    store.save(bare, catalogue.path_of(data, bare.name))
    (tmp_path / "none.jsonl").write_text("")
    (tmp_path / "bad.jsonl").write_text("{}\n")
    start = ["fidelity", "self_consistency", "--data", str(data)]
    for more, error in (
        ([], "name either --env"),
        (["--env", "bare/one"], "bare/one does not say how it was collected (model"),
        (["--env", "*/*"], "matches 2 environments"),
        (["--env", "toy/*", "--beta", "2"], "--beta is 2"),
        (["--env", "toy/*", "--questions", "1"], "an interval needs two at least"),
        (["--env", "toy/*", "--episodes", "x"], "name either --env"),
        (["--episodes", str(tmp_path / "none.jsonl")], "holds no whole episode of self_consistency"),
        (["--episodes", str(tmp_path / "bad.jsonl")], "line 1: not a kept episode"),
        (["--episodes", str(tmp_path / "missing.jsonl")], "No such file"),
    ):
        assert main([*start, *more]) == 2, more
        printed = capsys.readouterr().err
        assert error in printed and len([line for line in printed.splitlines() if line]) == 1, (more, printed)


def kept_episode(seed: int) -> KeptEpisode:
    """Return a live episode of `parallel_probe` that was kept."""
    source = baseline_source("parallel_probe")
    space: dict[str, Any] = {"__name__": "loaded"}
    exec(source.replace("from envs import", "from autotts.envs import"), space)
    columns, lengths = branches(Random(seed), 0.5)
    endpoint = FakeEndpoint(Recording.of(columns, lengths, DELTA), seed=7)
    settings = LiveSettings(DELTA, BRANCHES, 100_000, probe_suffix=SUFFIX, seed=7)
    with LiveQuestion.open(endpoint, "1 + 1?", settings, fake_reader()) as question:
        answer = space["ParallelProbe"](0.5, seed).solve(question)
    return KeptEpisode.of(
        question.episode, controller="parallel_probe", beta=0.5, answer=answer, seed=seed,
        controller_hash=sha256(source.encode()),
    )  # fmt: skip


@pytest.mark.slow
def test_kept_episodes_are_the_same_in_replay_and_a_changed_one_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    episodes = [kept_episode(seed) for seed in range(6)]
    file = tmp_path / "episodes.jsonl"
    file.write_text("".join(each.line() + "\n" for each in episodes))
    line = ["fidelity", "parallel_probe", "--episodes", str(tmp_path), "--workers", "1"]
    assert main(line) == 0
    assert "6 episodes: 6 the same in replay, bit for bit; 0 differ" in capsys.readouterr().out
    other = episodes[0].model_copy(update={"tokens": episodes[0].tokens + 1})
    foreign = episodes[1].model_copy(update={"controller_hash": "0" * 64})
    cut = episodes[2].model_copy(update={"verdict": "timeout"})
    file.write_text("".join(each.line() + "\n" for each in (other, foreign, cut, *episodes[3:])))
    found = tmp_path / "found.json"
    assert main([*line, "--json", str(found)]) == 1
    printed = capsys.readouterr().out
    assert f"{other.id}: tokens: {other.tokens} live, {other.tokens - 1} in replay" in printed
    assert "left out: 1 episode of another controller" in printed and "4 episodes: 3 the same" in printed
    assert "left out: 1 episode that did not end by parallel_probe itself" in printed
    assert [row["same"] for row in json.loads(found.read_text())["episodes"]] == [False, True, True, True]
