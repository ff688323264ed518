"""Runs whole discoveries with the unmodified SDK against a Messages API stub on loopback: costs, faults, kills."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from autotts.agent.archive.archive import Archive
from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.cli.main import main
from autotts.agent.explorers.llm.anthropic import AnthropicExplorer
from autotts.agent.explorers.prompts.briefing import prompt
from autotts.agent.llm.budget import LlmBudget, Spending, SpendingLimit, SpendingLimits
from autotts.agent.llm.calls import CallJournal, RetryPolicy, read_calls
from autotts.agent.llm.prices import Prices
from autotts.agent.llm.session import SessionLimits
from autotts.agent.loop.checkpoints import fork
from autotts.agent.loop.graph import discover
from autotts.agent.loop.nodes import Discovery, ExplorerFailed
from autotts.agent.records.card import DUPLICATE
from autotts.agent.records.events import ConversationEnded
from autotts.agent.records.explorer import Brief, Proposal
from autotts.agent.records.version import Expectation
from autotts.agent.tools.toolbox import TOOLS, Toolbox
from autotts.envs import catalogue, store
from autotts.envs.seals import read_sealed
from autotts.envs.store import Environment
from autotts.envs.synthetic.model import default_models, generate
from autotts.sandbox.backends.process import ProcessSandbox

from ..stubs.clocks import StubClock
from ..stubs.conversations import MODEL, at, same_as_server
from ..stubs.faults import Faults, never
from ..stubs.messages_api import KEY, Script, Stub
from ..stubs.scripts import SCRIPTS, controller, discovery

NAME = "unmistakable/benchmark-name"
GOLD = "73190518"
SETTINGS = {
    "explorer": "anthropic",
    "model": MODEL,
    "generations": 5,
    "population": 2,
    "orders": 1,
    "betas": (0.2, 0.8),
}


def world() -> Environment:
    """Return an environment whose name, questions and gold answers are unmistakable."""
    env = generate(next(iter(default_models().values())), NAME, questions=3, branches=8)
    words = tuple(f"{GOLD}{i}" if i else "" for i in range(len(env.vocabulary)))
    return replace(env, vocabulary=words, questions=tuple(f"Unmistakable question {i}?" for i in range(len(env))))


def begin(home: Path, **settings: object) -> Run:
    env = world()
    store.save(env, catalogue.path_of(home.parent / "data", NAME))
    (env,) = catalogue.find(home.parent / "data", [NAME])
    config = RunConfig(environments={env.name: env.hash}, **{**SETTINGS, **settings})  # type: ignore[arg-type]
    return Run.create(home, config, [env])


def conversations(run: Run) -> list[ConversationEnded]:
    return [line.event for line in run.events() if isinstance(line.event, ConversationEnded)]


def play(
    run: Run, stub: Stub, limits: SpendingLimits | None = None, session: SessionLimits | None = None
) -> CallJournal:
    """Lead the run to its end in this process, under a clock that does not wait."""
    retries = RetryPolicy(deadline=1e9)  # the clock does not wait
    calls = CallJournal(run.home / "calls", 0, Prices(), LlmBudget(limits), StubClock(stub.silent), retries)

    def tools(brief: Brief) -> Toolbox:
        assert brief.bench is not None
        return Toolbox(brief.bench)

    explorer = AnthropicExplorer(
        MODEL, calls, prompt, tools, session, report=run.log
    )
    discover(Discovery(run, explorer, ProcessSandbox(), budget=calls.budget))
    return calls


def tree(archive: Archive) -> dict[str, bytes]:
    files = (path for path in archive.root.rglob("*") if path.is_file() and path.name != "index.sqlite")
    return {path.relative_to(archive.root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Return a function that makes a stub which the SDK finds."""

    def make(script: Script = discovery, faults: Faults = never) -> Stub:
        stub = Stub(script, faults)
        at(stub.url, monkeypatch, tmp_path)
        return stub

    return make


def used(stub: Stub) -> set[str]:
    blocks = (block for body in stub.requests for message in body["messages"] for block in message["content"])
    return {block["name"] for block in blocks if block["type"] == "tool_use"}


def test_model_uses_every_tool_in_five_generations_and_sees_no_secrets(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with serve() as stub:
        run = begin(tmp_path / "run")
        calls = play(run, stub)
        same_as_server(calls.budget.spent(), stub)
        cards = [card for card in run.archive.cards() if card.generation > 0]
        assert {card.generation for card in cards if card.ok} == {1, 2, 3, 4, 5}
        assert {card.verdict for card in cards} <= {"ok", DUPLICATE}  # in so small a world some decide alike
        assert used(stub) | {"submit"} == {tool.name for tool in TOOLS}
        assert all(card.expects and card.prompts.startswith("tools-") for card in cards)
        assert all(card.outcome for card in cards if card.ok)
        talks = conversations(run)  # some lead to the same version
        assert sum(talk.dollars for talk in talks) == pytest.approx(calls.budget.spent().dollars)
        assert all("try_candidate" in run.archive.transcript(card.id) for card in cards)
        everything = b"".join(stub.bodies)
    assert NAME.encode() not in everything and b"benchmark-name" not in everything
    assert GOLD.encode() not in everything and b"Unmistakable" not in everything
    for path in run.home.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes()


class StubExplorer:
    """Proposes controllers that all differ."""

    name = "stub"
    one_at_a_time = needs_own_data = False

    def propose(self, brief: Brief) -> list[Proposal]:
        numbers = (Random(f"{brief.seed} {slot}").getrandbits(64) for slot in range(brief.count))
        parents = tuple(version.id for version in brief.parents[:1])
        expects = (Expectation("tokens", "less"),)
        return [Proposal(controller(n), "Stops once the lead is safe.", parents, expects=expects) for n in numbers]

    refine = propose

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def fifty(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of fifty versions on four environments, over the whole grid of beta."""
    envs = [generate(model, name, questions=3, branches=16) for name, model in list(default_models().items())[:4]]
    hashes = {env.name: env.hash for env in envs}
    config = RunConfig(environments=hashes, explorer="stub", generations=4, population=11, orders=1, screening=False)
    run = Run.create(tmp_path_factory.mktemp("fifty") / "run", config, envs)
    discover(Discovery(run, StubExplorer(), ProcessSandbox()))
    assert len(run.archive.ids()) == 50
    return run


@pytest.mark.parametrize(("script", "answers"), [("long_discovery", 15), ("busy_discovery", 8)])
def test_requests_stay_small_and_mostly_cached(script: str, answers: int, fifty: Run, serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    changes = {"explorer": "anthropic", "model": MODEL, "generations": 5, "population": 1}
    with serve(SCRIPTS[script]) as stub:
        play(fork(fifty, 4, tmp_path / "run", changes), stub)
        of = [stub.bills[request] for request in stub.ids]
        last = stub.requests[-1]
    sizes = [bill["input"] + bill["cache_write"] + bill["cache_read"] for bill in of]
    made = [block for message in last["messages"] for block in message["content"] if block["type"] == "tool_use"]
    assert len(of) == answers and len(made) + 1 == 15, "the last call, of submit, is an answer to the last request"
    assert sizes[0] < 12_000 and max(sizes) < 60_000
    assert sum(bill["cache_read"] for bill in of) / sum(sizes) > 0.8
    assert script != "busy_discovery" or sum(sizes) < 60_000, sum(sizes)


def test_fifteen_tool_calls_fit_into_eight_answers(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with serve(SCRIPTS["busy_discovery"]) as stub:
        run = begin(tmp_path / "run", generations=2, population=1)
        play(run, stub)
    (cost,) = [event for event in conversations(run) if event.generation == 2]
    assert cost.calls == 8 and cost.input_tokens < 60_000
    assert cost.cached_tokens / cost.input_tokens > 0.8


@pytest.mark.parametrize(
    "script", ["looping", "repeating", "megabyte", "silent", "talking", "gullible", "attacking", "odd"]
)
def test_foolish_or_hostile_model_cannot_damage_the_archive_or_leak_the_key(  # type: ignore[no-untyped-def]
    script: str, serve, tmp_path: Path, capsys,
) -> None:  # fmt: skip
    with serve(SCRIPTS[script]) as stub:
        run = begin(tmp_path / "run", generations=4, population=2)
        try:
            play(run, stub, SpendingLimits(run=SpendingLimit(dollars=50)))
        except ExplorerFailed as failed:
            assert "nothing new" in str(failed)
        assert len(stub.ids) < 400
    assert run.archive.verify() == []
    assert all(card.verdict.startswith(("ok", DUPLICATE, "rejected")) for card in run.archive.cards())
    talks = conversations(run)
    assert talks
    for talk in talks:
        kept = read_sealed(run.home / talk.transcript).decode()
        assert kept.startswith("## system") and kept.endswith(f"## end: {talk.ended}\n") and KEY not in kept
    name = f"g{talks[0].generation:03d}-{talks[0].step}-{talks[0].slot}"
    assert main(["transcript", name, "--run", str(run.home)]) == 0 and "## end: " in capsys.readouterr().out
    assert main(["transcript", "g999-propose-0", "--run", str(run.home)]) != 0
    assert "has no conversation g999-propose-0" in capsys.readouterr().err


def test_run_killed_twenty_times_ends_with_same_archive_and_same_bill(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    with serve() as stub:
        undisturbed = begin(tmp_path / "whole", generations=4)
        play(undisturbed, stub)
        billed, events = stub.total(), list[int]()
    command = Path(sys.executable).with_name("autotts")
    with serve() as stub:
        run = begin(tmp_path / "run", generations=4)
        process: list[subprocess.Popen[bytes]] = []
        alive: list[int] = []
        chance = Random(0)  # a stream has some 10 events; after its last one come what is between two calls
        left = [chance.randint(1, 25) for _ in range(20)]

        def pace() -> None:
            events.append(1)
            if left and alive and len(events) >= left[0]:
                left.pop(0)
                os.kill(alive.pop(), signal.SIGKILL)

        stub.pace = pace
        for _ in range(60):
            process.append(
                subprocess.Popen(
                    [command, "resume", str(run.home), "--workers", "1"],
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
            )
            events.clear()
            alive[:] = [process[-1].pid]
            _, said = process[-1].communicate(timeout=120)
            if process[-1].returncode != -signal.SIGKILL:
                break
        assert process[-1].returncode == 0, said
        kills = sum(one.returncode == -signal.SIGKILL for one in process)
        assert stub.total() == billed
        spent = sum((a.spending for c in read_calls(run.home / "calls") for a in c.attempts), Spending())
        same_as_server(spent, stub)
    assert kills == 20
    assert tree(run.archive) == tree(undisturbed.archive)
    assert Archive(run.archive.root).verify() == []


def test_installed_command_runs_a_discovery_and_prints_costs(serve, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    command = Path(sys.executable).with_name("autotts")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([command, *arguments], cwd=tmp_path, capture_output=True, text=True, timeout=300)

    with serve() as stub:
        begin(tmp_path / "unused")
        done = run(
            "discover", "--explorer", "anthropic", "--model", MODEL, "--env", NAME, "--data", "data",
            "--generations", "2", "--population", "2", "--orders", "1",
            "--sandbox", "process", "--max-dollars", "20", "--run", "runs/1",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert "about $" in done.stdout and "spent: $" in done.stdout
        total = stub.total()
    said = run("status").stdout
    assert re.search(r"spent +\$\d", said) and f"{total['output']:,} out" in said
    version = next(card.id for card in Archive(tmp_path / "runs/1/archive").cards() if card.generation == 1)
    assert "try_candidate" in run("transcript", version).stdout
    shown = run("show", version).stdout
    assert "predicted against" in shown
    config = json.loads((tmp_path / "runs/1/config.json").read_text())
    assert config["model"] == MODEL and KEY not in json.dumps(config)


@pytest.mark.slow
def test_model_without_a_price_is_used_and_told_once(serve, tmp_path: Path, monkeypatch, capsys) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.chdir(tmp_path)
    with serve():
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        settings = ["--generations", "1", "--population", "1", "--orders", "1", "--env", "synthetic/tiny"]
        words = ["discover", "--explorer", "anthropic", "--model", "claude-nobody", *settings, "--sandbox", "process"]
        assert main(words) == 0
    said = capsys.readouterr().out
    assert said.count("no price is known for the model 'claude-nobody': tokens are counted, dollars are not") == 1
    assert "spent: $0.0000 (unknown price), " in said


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["anthropic"], "no key for the Messages API: set ANTHROPIC_API_KEY"),
        (["anthropic", "--model", "claude-nobody", "--max-dollars", "5"], "no price is known for the model 'claude-no"),
        (["openai", "--model", "gpt-nobody", "--max-dollars-each", "5"], "leave --max-dollars out, or write a file"),
        (["openai", "--model", "claude-opus-4-8"], "no key: set OPENAI_API_KEY"),
        (["mixture", "--mixture", "evolve", "anthropic", "--model", MODEL], "no key for the Messages API"),
        (["command", "--command", "no-such-agent {task}"], "'no-such-agent' is not installed"),
        (["openai"], "--model is missing: the explorer openai has no default"),
        (["openai", "--max-dollars", "1"], "--model is missing"),
        (["mixture", "--mixture", "evolve", "anthropic"], "no key for the Messages API"),
        (["mixture", "--mixture", "evolve", "openai"], "--model is missing"),
    ],
)
def test_missing_requirements_are_reported_before_a_run_is_created(
    settings: list[str], said: str, serve, tmp_path: Path, monkeypatch, capsys,
) -> None:  # fmt: skip
    with serve():
        for name in ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
            monkeypatch.delenv(name, raising=False)
        home = tmp_path / "runs" / "1"
        assert main(["discover", "--run", str(home), "--sandbox", "process", "--explorer", *settings]) == 2
    complaint = capsys.readouterr().err
    assert said in complaint and complaint.count("\n") == 1 and not home.parent.exists()
