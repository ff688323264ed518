"""The command `collect` against a stub of a model server: its result, its limits, and bad input in one line."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import autotts
from autotts.agent.cli.main import main
from autotts.envs import store
from autotts.envs.live.collecting.questions import QuestionOptions, messages_of, read_questions
from tests.envs.live.stub_server import StubQuestion, StubServer

DELTA, BRANCHES = 10, 8
ANSWERS = [[str(n % 3), str(n % 3), "1"] for n in range(BRANCHES)]


@pytest.fixture
def server() -> Iterator[StubServer]:
    made = [StubQuestion.of(f"{number}?", ANSWERS, [25] * BRANCHES, DELTA) for number in range(4)]
    with StubServer(made, branch_of_seed=lambda seed: seed % BRANCHES) as running:
        yield running


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write(tmp_path / "q.jsonl", [{"question": f"{number}?", "gold_answer": "1"} for number in range(4)])
    return tmp_path


def write(path: Path, rows: Sequence[Any]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path.name


def words(server: StubServer, *options: str, questions: str = "q.jsonl") -> list[str]:
    return [
        "collect", questions, "--name", "stub/model", "--base-url", server.base_url, "--delta", str(DELTA),
        "--branches", str(BRANCHES), "--probe-suffix", "plain", "--branch-tokens", "200", "--timeout", "5", *options,
    ]  # fmt: skip


def test_environment_and_figures_are_written(
    server: StubServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(server, "--json", "out.json")) == 0
    printed = capsys.readouterr()
    assert "4 questions (question in question, gold_answer in gold_answer)" in printed.out
    assert "one branch     100.0% right" in printed.out and "of 32 branches, 4 of 4 questions" in printed.err
    env = store.load(here / "data" / "stub" / "model.env.npz")
    assert len(env) == 4 and env.probes.tolist() == [2] * 32 and env.total_tokens.tolist() == [25] * 32
    document = json.loads((here / "out.json").read_text())
    assert document["finished"] == document["total"] == 32 and document["environment"]["summary"]["single"] == 100
    tokens, probes = document["tokens"], document["probe_tokens"]
    assert tokens["generated"] == 32 * 25
    assert tokens["generated"] + probes["generated"] == sum(
        counts.generated for (_, seed), counts in server.by_request.items() if seed is not None
    )
    assert env.provenance["model"] == "stub-model" and "vllm at http://127.0.0.1" in env.provenance["server"]
    assert main(words(server)) == 2 and "exists already" in capsys.readouterr().err
    assert main(["env", "show", "stub/model"]) == 0
    assert "probe suffix   \\n\\nFinal answer: \\boxed{" in capsys.readouterr().out


def test_messages_can_be_made_again_from_the_environment(server: StubServer, here: Path) -> None:
    write(here / "one.jsonl", [{"question": "7?", "answer": 1}])
    line = words(server, "--template", "Q:\\n{question} \\boxed{}", "--system", "Think.", questions="one.jsonl")
    options = QuestionOptions(template="Q:\n{question} \\boxed{}", system="Think.")
    asked = read_questions(here / "one.jsonl", options).questions[0]
    assert asked.messages[1]["content"] == "Q:\n7? \\boxed{}"
    made = [StubQuestion.of(asked.messages[1]["content"], ANSWERS, [25] * BRANCHES, DELTA)]
    with StubServer(made) as other:
        line[line.index("--base-url") + 1] = other.base_url
        assert main(line) == 0
    env = store.load(here / "data" / "stub" / "model.env.npz")
    assert messages_of(env.questions[0], env.provenance["template"], env.provenance["system"]) == asked.messages


def test_dry_run_and_limits_keep_what_was_collected(
    server: StubServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words(server, "--dry-run", "--price-in", "1", "--price-out", "2", "--json", "out.json")) == 0
    estimate = json.loads((here / "out.json").read_text())["estimate"]
    assert estimate["branches"] == 16 and estimate["of"] == 32 and estimate["dollars"]["value"] > 0
    assert "estimate for 32 branches, from 16" in capsys.readouterr().out
    assert main(words(server, "--max-tokens-total", "600", "--concurrency", "2")) == 130
    message = capsys.readouterr().err.splitlines()[-1]
    assert "the limit is reached: --max-tokens-total 600" in message and "goes on" in message
    assert sum(counts.generated for counts in server.by_request.values()) <= 600 + 16  # and what the connection asked
    assert main(words(server, "--quiet")) == 0
    assert max(counts.attempts for (_, seed), counts in server.by_request.items() if seed is not None) == 1


def test_bad_input_is_one_line_and_exit_code_2(
    server: StubServer, here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gold = write(here / "gold.jsonl", [{"question": f"{n}?", "answer": "why\nnot" if n else "1"} for n in range(4)])
    bare = write(here / "bare.jsonl", [{"question": "a?"}, {"other": "b?"}])
    monkeypatch.setenv("WRONG", "sk-wrong")
    server.key = "right"
    cases: list[tuple[list[str], str]] = [
        (words(server, "--api-key-env", "WRONG"), "key"),
        (words(server, "--api-key-env", "UNSET"), "--api-key-env UNSET: this environment variable is not set"),
        (words(server, questions=bare), "bare.jsonl: 1 of 2 rows have no question (line 2)"),
        (words(server, questions=gold), "gold.jsonl: 3 of 4 rows have a gold answer that cannot be read"),
        (words(server, questions="none.jsonl"), "none.jsonl: no such file of questions"),
        (words(server, "--map", "x=y"), "--map x=y: expected FIELD=PATH"),
        (words(server, "--template", "Answer!"), "--template: without {question}"),
        (words(server, "-o", "x.npz"), "ends in .env.npz"),
        (["collect", "q.jsonl", "--name", "a/b", "--base-url", "http://127.0.0.1:1", "--timeout", "0.1"], "0.0.1:1"),
    ]  # fmt: skip
    for line, named in cases:
        assert main(line) == 2, line
        error = capsys.readouterr().err
        assert len(error.splitlines()) == 1 and named in error and "sk-wrong" not in error, error
    server.key = None
    assert main(words(server, "--model", "other")) == 2
    assert "other" in capsys.readouterr().err
    assert main(words(server, "--max-dollars", "1")) == 2
    assert "no price is known" in capsys.readouterr().err
    assert not (here / "data" / "stub").exists()


def test_suffix_that_yields_no_answers_is_said_after_20_probes(
    server: StubServer, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = [
        StubQuestion.of(f"{number}?", [[None, None, "1"]] * BRANCHES, [25] * BRANCHES, DELTA) for number in range(4)
    ]
    with StubServer(silent) as mute:
        line = words(mute, "--concurrency", "1")
        line[line.index("plain")] = "\\n\\nSo ("
        assert main(line) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "the first 20 probes have no answer" in error and "--probe-suffix" in error
    assert main(words(server)) == 0  # the other suffix is not refused


def test_python_collects_too(server: StubServer, here: Path) -> None:
    def ask(**options: Any) -> autotts.Environment:
        return autotts.collect(
            "q.jsonl", server.base_url, "stub/model", branches=BRANCHES, delta=DELTA, branch_tokens=200,
            probe_suffix="plain", **options,
        )  # fmt: skip

    with pytest.raises(autotts.CollectionStopped, match="--max-tokens-total 100"):
        ask(max_tokens_total=100)
    seen: list[int] = []
    made = ask(progress=lambda snapshot: seen.append(snapshot.collection.finished))
    assert made.hash == autotts.load_environment("stub/model").hash and seen[-1] == 32
    assert max(counts.attempts for (_, seed), counts in server.by_request.items() if seed is not None) == 1
