"""`autotts serve` as a process of its own: real sandbox, stub of a model server, official clients."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from autotts.agent.cli.main import main
from autotts.envs.contract.controller import Controller
from autotts.envs.live.kept_episode import KeptEpisode, read_episodes
from autotts.envs.live.repetition import replay
from autotts.envs.live.tiny.questions import questions

from ...envs.live.stub_server import StubQuestion, StubServer

REPO = Path(__file__).parents[3]
QUESTION = "What is 1 + 1?"
ANSWERS = [["3", "2", "2"], [None, "3", "3"], ["2", "2"], ["2", None, "2"]]
LENGTHS = [120, 110, 70, 150]
VOTES = """
from envs import Controller, majority

class Votes(Controller):
    def solve(self, question):
        return majority(question.run_many_to_end(question.branch_many({branches})))
"""
STEPS = """
from envs import Controller, majority

class Steps(Controller):
    def solve(self, question):
        opened = question.branch_many(4)
        while question.active:
            question.step_many(question.active)
        return majority(answer for answer in question.latest_answers.values() if answer is not None)
"""


@pytest.fixture
def stub() -> Iterator[StubServer]:
    with StubServer([StubQuestion.of(QUESTION, ANSWERS, LENGTHS, 50)]) as server:
        yield server


@contextmanager
def serving(stub: StubServer, controller: object, *more: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command, and yield its process and its address."""
    words = ["serve", controller, "--base-url", stub.base_url, "--port", 0, "--delta", 50, "--branches", 4]
    words += ["--answers", "exact", "--sandbox", "process", "--workers", 1, *more]
    line = [str(Path(sys.executable).with_name("autotts")), *map(str, words)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        assert " in front of stub-model; Ctrl-C ends it" in first, first + process.communicate(timeout=60)[1]
        yield process, process.stdout.readline().strip()
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=60)


def ask(url: str) -> dict[str, object]:
    body = {"messages": [{"role": "user", "content": QUESTION}], "beta": 1}
    answer = httpx.post(f"{url}/chat/completions", json=body, timeout=60).json()
    assert "autotts" in answer, answer
    return dict(answer["autotts"])


def played(source: str) -> type[Controller]:
    """Return the controller of a source, to be played in this process."""
    from autotts import envs

    namespace: dict[str, type[Controller]] = {}
    sys.modules.setdefault("envs", envs)
    try:
        exec(source, namespace)
    finally:
        del sys.modules["envs"]
    return next(kind for name, kind in namespace.items() if name in ("Votes", "Steps"))


@pytest.mark.slow
def test_a_session_from_the_first_request_to_sigterm(stub: StubServer, tmp_path: Path) -> None:
    """Answers, kept episodes that replay the same, a controller that changes, no branch left, and exit code 0."""
    file = tmp_path / "mine.py"
    file.write_text(STEPS)
    with serving(stub, file, "--keep", tmp_path / "kept") as (process, url):
        before = replace(stub.counts)  # the command has asked what the server can do
        with OpenAI(base_url=url, api_key="any") as client:
            answer = client.chat.completions.create(
                model="stub-model", messages=[{"role": "user", "content": QUESTION}], extra_body={"beta": 1}
            )
        assert answer.choices[0].message.content == "Final answer: \\boxed{2}" and answer.usage is not None
        assert answer.usage.completion_tokens == stub.counts.generated - before.generated
        prompts = stub.counts.prefilled + stub.counts.cached - before.prefilled - before.cached
        assert answer.usage.prompt_tokens == prompts
        first = ask(url)
        assert first["answer"] == "2" and first["branches"] == {"opened": 4, "finished": 4, "pruned": 0, "lost": 0}
        file.write_text(VOTES.format(branches=2))
        process.send_signal(signal.SIGHUP)
        while (second := ask(url))["controller"] == first["controller"]:
            pass
        assert second["branches"]["opened"] == 2  # type: ignore[index]
        assert httpx.get(url.replace("/v1", "/readyz")).text == "ready\n"
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=60)
    assert process.returncode == 0 and stub.in_flight == 0
    events = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert {line["event"] for line in events} == {"episode", "controller"}
    kept = list(read_episodes(tmp_path / "kept" / "episodes.jsonl"))
    assert len(kept) == sum(line["event"] == "episode" for line in events)
    sources = {kept[0].controller_hash: played(STEPS), kept[-1].controller_hash: played(VOTES.format(branches=2))}
    assert len(sources) == 2
    for episode in kept:
        assert replay(KeptEpisode.read(episode.line()), sources[episode.controller_hash]).differences == ()


@pytest.mark.slow
def test_keys_come_from_the_environment(stub: StubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEYS", "one-key,other-key")
    with serving(stub, "self_consistency", "--api-keys-env", "GATEWAY_KEYS", "--log", "none") as (process, url):
        assert httpx.get(f"{url}/models").status_code == 401
        assert httpx.get(f"{url}/models", headers={"authorization": "Bearer other-key"}).status_code == 200
        process.send_signal(signal.SIGINT)
        out, log = process.communicate(timeout=60)
    assert process.returncode == 0 and log == "" and "key" not in out


@pytest.mark.slow
def test_the_tiny_model_answers_behind_the_gateway_on_a_real_server() -> None:
    """llama.cpp's own server, which the command starts without `--base-url`."""
    pytest.importorskip("xllamacpp")
    (text, gold), *_ = questions(1, 5)
    words = ["serve", "balanced", "--port", "0", "--log", "none", "--sandbox", "process", "--workers", "1"]
    line = [str(Path(sys.executable).with_name("autotts")), *words]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = next(printed.strip() for printed in process.stdout if printed.startswith("http"))
        with OpenAI(base_url=url, api_key="any") as client:
            answer = client.chat.completions.create(
                model="autotts-tiny", messages=[{"role": "user", "content": text}], seed=1, max_tokens=3000
            )
    finally:
        process.terminate()
        process.wait(60)
    assert process.returncode == 0 and gold and answer.usage is not None and answer.model_extra is not None
    details = answer.model_extra["autotts"]
    assert details["tokens"]["episode"] <= 3000 and details["branches"]["lost"] == 0 and details["answer"]
    assert f"\\boxed{{{details['answer']}}}" in str(answer.choices[0].message.content)
    assert answer.usage.completion_tokens == sum(
        details["tokens"][kind] for kind in ("branches", "probes", "cancelled")
    )


NOWHERE = ("--base-url", "http://127.0.0.1:1/v1", "--timeout", "0.1")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("no_such", *NOWHERE), "no controller 'no_such'"),
        (("nothing.py", *NOWHERE), "nothing.py: no such controller file"),
        (("self_consistency", *NOWHERE), "http://127.0.0.1:1/v1: "),
        (("self_consistency", *NOWHERE, "--api-key-env", "NOT_SET_AT_ALL"), "this environment variable is not set"),
        (("self_consistency", *NOWHERE, "--api-keys-env", "NOT_SET_AT_ALL"), "there is no key"),
        (("self_consistency", *NOWHERE, "--api-keys", "/dev/null"), "there is no key"),
        (("self_consistency", *NOWHERE, "--keep", "/dev/null"), "--keep /dev/null: "),
        (("self_consistency", *NOWHERE, "--port", "70000"), "ports are 0 to 65535"),
        (("self_consistency", *NOWHERE, "--beta", "2"), "2 is not a number from 0 to 1"),
        (("self_consistency", *NOWHERE, "--sandbox", "none"), "sandbox"),
    ],
)
def test_what_cannot_be_used_is_one_line(
    words: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    try:
        code = main(["serve", *words])
    except SystemExit as exit:
        code = int(str(exit.code))
    printed = capsys.readouterr()
    assert code == 2 and message in printed.err, printed.err
    assert printed.err.startswith("autotts: ") and printed.err.count("\n") == 1


@pytest.mark.slow
def test_a_wrong_key_model_or_controller_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import os\n")
    with StubServer([], flavour="openai", key="right") as stub:
        assert main(["serve", "self_consistency", "--base-url", stub.base_url, "--timeout", "5"]) == 2
    with StubServer([]) as stub:
        asked = ("--base-url", stub.base_url, "--timeout", "5", "--sandbox", "process", "--workers", "1")
        assert main(["serve", "self_consistency", *asked, "--model", "gpt"]) == 2
        assert main(["serve", str(tmp_path / "broken.py"), *asked]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("autotts: ") for line in lines), lines
    assert "key" in lines[0] and "gpt" in lines[1] and "broken" in lines[2]


@pytest.mark.slow
def test_the_load_benchmark_finds_no_error_and_nothing_left() -> None:
    """A short run of it: every answer equals replay, whatever the time it takes."""
    words = ["-m", "benchmarks.gateway_load", "--clients", "6", "--seconds", "1", "--sandbox", "process"]
    done = subprocess.run([sys.executable, *words], cwd=REPO, capture_output=True, text=True, timeout=200)
    assert "errors: none; different from replay: 0" in done.stdout, done.stdout + done.stderr
    assert "exit code of the gateway: 0; requests left at the stub: 0, aborted: 0" in done.stdout
