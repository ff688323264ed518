"""Collect, ask, serve and compare against vLLM's own server with the tiny model, by the installed commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from autotts.envs import catalogue, store
from autotts.envs.live.kept_episode import read_episodes
from autotts.envs.live.tiny.questions import questions
from benchmarks.demo_live import serving

from ..envs.live.vllm_server import needs_vllm

pytestmark = needs_vllm
ENVIRONMENT = "ring/tiny-on-vllm"
FRESH = questions(2, 2)
INTERVALS = ("--delta", "24")
PLAIN = ("--sandbox", "process")
WAITING = 300.0
"""Seconds that a command may take; it takes 5 to 20 on two idle cores."""


def autotts(*words: object) -> subprocess.CompletedProcess[str]:
    """Run the installed command, without a key of the machine."""
    line = [str(Path(sys.executable).with_name("autotts")), *map(str, words)]
    settings = {name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"}
    done = subprocess.run(line, capture_output=True, text=True, timeout=WAITING, env=settings)
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, done.stdout + done.stderr
    print(done.stdout, done.stderr, sep="\n")  # shown if the test fails
    return done


@pytest.fixture(scope="module")
def data(vllm_url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data root with 4 questions x 4 branches, and what `collect` says of them in collected.json."""
    home = tmp_path_factory.mktemp("data")
    made = autotts("endpoint", "questions", "--count", 4, "--seed", 1, "--out", home / "questions.jsonl")
    assert made.returncode == 0
    line = ["collect", home / "questions.jsonl", "--name", ENVIRONMENT, "--base-url", vllm_url, "--branches", 4]
    done = autotts(*line, *INTERVALS, "--data", home, "--json", home / "collected.json")
    assert done.returncode == 0, done.stdout + done.stderr
    return home


def test_collect_records_every_branch(data: Path) -> None:
    env = store.load(catalogue.path_of(data, ENVIRONMENT))
    assert [len(env.branches(question)) for question in range(len(env))] == [4] * 4 and env.delta == 24
    assert env.provenance["model"] == "autotts-tiny" and env.provenance["server"].startswith("vllm at ")
    assert env.provenance["level"] == "full" and env.signals
    said = json.loads((data / "collected.json").read_text())
    assert (said["finished"], said["total"], said["lost"], said["stopped"]) == (16, 16, 0, "")
    assert said["tokens"]["generated"] > 16 * 24 and said["probe_tokens"]["generated"] > 0
    assert said["tokens"]["cached"] > 0


def test_ask_answers_with_probes(vllm_url: str, tmp_path: Path) -> None:
    found = tmp_path / "ask.json"
    line = ["ask", "parallel_probe", FRESH[0][0], "--base-url", vllm_url, "--branches", 4, "--beta", 0.5]
    done = autotts(*line, *INTERVALS, *PLAIN, "--json", found)  # exit code 1: no branch gave an answer
    asked = json.loads(found.read_text())
    assert asked["verdict"] == "ok" and asked["level"] == "full" and not asked["lost"], asked
    assert 0 < asked["branches"] <= 4 and asked["tokens"] == asked["branch_use"]["generated"]
    assert asked["probe_use"]["generated"] > 0 and (done.returncode == 0) == (asked["answer"] is not None)


def test_openai_asks_the_gateway_and_replay_repeats_its_episodes(vllm_url: str, tmp_path: Path) -> None:
    kept, found = tmp_path / "kept", tmp_path / "fidelity.json"
    line = ["serve", "parallel_probe", "--base-url", vllm_url, "--branches", "4", "--port", "0", "--log", "none"]
    with (
        serving(*line, *INTERVALS, *PLAIN, "--keep", str(kept)) as url,
        OpenAI(base_url=url, api_key="none", timeout=WAITING, max_retries=0) as client,
    ):
        (model,) = client.models.list()
        told = [told for question, _ in FRESH for told in asked_twice(client, model.id, question)]
    assert all(each["result"] == "ok" and each["branches"]["lost"] == 0 for each in told), told
    episodes = list(read_episodes(kept / "episodes.jsonl"))
    assert [episode.id for episode in episodes] == [each["episode"] for each in told] and len(told) == 4
    done = autotts("fidelity", "parallel_probe", "--episodes", kept, *PLAIN, "--json", found)
    assert done.returncode == 0 and "4 episodes: 4 the same in replay, bit for bit; 0 differ" in done.stdout
    assert json.loads(found.read_text())["agrees"]


def asked_twice(client: OpenAI, model: str, question: str) -> list[dict[str, Any]]:
    """Ask without and with a stream, and return what the gateway says of each answer."""
    whole = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], extra_body={"beta": 0.5}, seed=1
    )
    assert whole.usage is not None and whole.usage.completion_tokens > 0 and whole.model_extra is not None
    stream = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": question}], extra_body={"beta": 0.5}, seed=2, stream=True,
        stream_options={"include_usage": True},
    )  # fmt: skip
    chunks = list(stream)
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens > 0
    (told,) = [chunk.model_extra["autotts"] for chunk in chunks if chunk.model_extra and "autotts" in chunk.model_extra]
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    for answer, content in ((whole.model_extra["autotts"], whole.choices[0].message.content), (told, text)):
        assert answer["answer"] is None or answer["answer"] in (content or ""), (answer, content)
    return [whole.model_extra["autotts"], told]


def test_fidelity_asks_the_collected_questions_again(vllm_url: str, data: Path, tmp_path: Path) -> None:
    """Whether so few branches agree with replay is chance; that they are compared like with like is not."""
    found = tmp_path / "fidelity.json"
    line = ["fidelity", "parallel_probe", "--env", ENVIRONMENT, "--data", data, "--base-url", vllm_url]
    done = autotts(*line, *PLAIN, "--questions", 4, "--beta", 0.5, "--orders", 8, "--json", found)
    compared = json.loads(found.read_text())
    assert {row["question"] for row in compared["questions"]} == set(range(4))
    assert {row["measure"] for row in compared["rows"]} == {"accuracy", "tokens", "latency"}
    assert (done.returncode == 0) == compared["agrees"]
    assert not [word for word in ("lost", "collected at", "another one", "but this server") if word in done.stderr]
