"""The explorer `openai` with the unmodified SDK against a stub server: a discovery run and every kind of failure."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from autotts.agent.archive.run_directory import Run, RunConfig
from autotts.agent.explorers.llm.openai import OpenAIExplorer, OpenAIModel
from autotts.agent.explorers.prompts.briefing import prompt as briefing
from autotts.agent.llm.budget import LimitReached, LlmBudget, Spending, SpendingLimit, SpendingLimits
from autotts.agent.llm.calls import CallJournal, RetryPolicy, read_calls
from autotts.agent.llm.chat import ModelTurn, ToolReply, ToolTurn, UserTurn
from autotts.agent.llm.failures import AuthError
from autotts.agent.llm.prices import Prices, Usage
from autotts.agent.llm.session import SessionLimits
from autotts.agent.loop.graph import Discovery, discover
from autotts.agent.records.explorer import Brief
from autotts.agent.tools.toolbox import Toolbox
from autotts.envs.errors import InputError
from autotts.envs.synthetic.model import default_environments
from autotts.sandbox.backends.process import ProcessSandbox

from ....stubs.chat_api import ChatStub
from ....stubs.clocks import StubClock
from ....stubs.conversations import NAMES, StubTools, brief, prompt
from ....stubs.faults import KINDS, WELL_FORMED, Fault, Faults, Listed, Seeded, never
from ....stubs.messages_api import KEY, Script
from ....stubs.scripts import PLANTED, SCRIPTS, discovery, long_discovery, text, tool

MODEL = "gpt-5"


class Scene:
    """A stub server, and the environment of a run that uses it."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self._monkeypatch = home, monkeypatch

    def at(self, url: str, key: str = KEY) -> None:
        for name in ("OPENAI_ADMIN_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"):
            self._monkeypatch.delenv(name, raising=False)
        self._monkeypatch.setenv("OPENAI_API_KEY", key)
        self._monkeypatch.setenv("OPENAI_BASE_URL", url)
        self._monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def stub(self, script: Script = discovery, faults: Faults = never, **more: Any) -> ChatStub:
        stub = ChatStub(script, faults, **more)
        self.at(stub.url)
        return stub

    def calls(
        self, stub: ChatStub | None = None, name: str = "run", limits: SpendingLimits | None = None,
        retries: RetryPolicy | None = None, prices: Path | None = None,
    ) -> CallJournal:  # fmt: skip
        clock = StubClock(stub.silent if stub else ())
        budget = LlmBudget(limits or SpendingLimits(), clock.now)
        return CallJournal(self.home / name / "calls", 7, Prices(prices), budget, clock, retries)


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def explorer(
    of: CallJournal, session: SessionLimits | None = None, words: str = "", model: str = MODEL, **more: Any
) -> tuple[OpenAIExplorer, list[StubTools]]:
    """Return an explorer, and a list that collects the tools of its conversations."""
    made: list[StubTools] = []

    def tools(brief: Brief) -> StubTools:
        made.append(StubTools(words=words))
        return made[-1]

    return OpenAIExplorer(model, of, prompt, tools, session, **more), made


def same_as_server(spent: Spending, stub: ChatStub, model: str = MODEL, prices: Path | None = None) -> None:
    """Check that the spending equals the server's bills, in tokens and, by the same prices, in dollars."""
    assert spent.usage.model_dump() == stub.total()
    price = Prices(prices).of(model)
    billed = sum(price.dollars(Usage.model_validate(bill)) for bill in stub.bills.values())
    assert spent.dollars == pytest.approx(billed, abs=1e-9)


def test_proposal(scene: Scene) -> None:
    reports: list[dict[str, Any]] = []
    with scene.stub() as stub:
        of = scene.calls(stub)
        asked, tools = explorer(of, report=lambda event: reports.append(event.document()))
        (proposal,) = asked.propose(brief())
    assert "class" in proposal.source and proposal.prompts == "p1" and proposal.data == {"model": MODEL}
    assert {name for name, _ in tools[0].made} == set(NAMES)
    assert proposal.cost.calls == len(stub.ids) == len(set(stub.ids)) == len(read_calls(of.home))
    assert proposal.cost.dollars == pytest.approx(of.budget.spent().dollars) and proposal.cost.dollars > 0
    assert reports[0]["ended"] == "submitted"
    same_as_server(of.budget.spent(), stub)


def test_long_proposal_uses_the_cache_because_its_beginning_never_changes(scene: Scene) -> None:
    with scene.stub(long_discovery) as stub:
        of = scene.calls(stub)
        (proposal,) = explorer(of)[0].propose(brief())
    assert proposal.cost.cached_tokens / proposal.cost.input_tokens > 0.8
    same_as_server(of.budget.spent(), stub)
    for before, after in pairwise(stub.requests):
        assert after["messages"][: len(before["messages"])] == before["messages"] and after["tools"] == before["tools"]
        assert after["max_completion_tokens"] == 32_000


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", [0.0, 0.35, 0.99])
def test_each_fault_is_survived_and_spending_matches_the_server(scene: Scene, kind: str, where: float) -> None:
    fault = Fault(kind, where)
    with scene.stub() as stub:
        (fine,) = explorer(scene.calls(stub, "fine"))[0].propose(brief())
    with scene.stub(faults=Listed(*[None] * 5, fault, None, fault)) as stub:
        of = scene.calls(stub)
        (proposal,) = explorer(of)[0].propose(brief())
    assert proposal.source == fine.source and proposal.rationale == fine.rationale
    same_as_server(of.budget.spent(), stub)
    outcomes = [attempt.outcome for call in read_calls(of.home) for attempt in call.attempts]
    wanted = {
        "reset": "network", "silence": "timeout", "cut": "cut_stream", "error_event": "overloaded",
        "not_utf8": "cut_stream", "not_json": "cut_stream", "refusal": "refused", "prompt_too_long": "context_too_long",
        "malformed_json": "malformed_tool_call", "too_large": "context_too_long",
        **dict.fromkeys(WELL_FORMED, "answered"),
    }.get(kind, kind)  # fmt: skip
    if kind == "cut" and where == 0.0:
        wanted = "network"  # no chunk had arrived
    assert sum(outcome == wanted for outcome in outcomes) >= (0 if kind == "cut" and where > 0.9 else 2)
    assert len(stub.ids) == len(set(stub.ids))


@pytest.mark.slow
def test_many_faults_do_not_change_proposals(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)
    faults = Seeded(11, 0.55)
    with scene.stub(faults=faults) as stub:
        of = scene.calls(stub)
        asked, _ = explorer(of, SessionLimits(turns=60, useless=20))
        generation, proposals = 0, {}
        while sum(faults.made.values()) < 200:
            generation += 1
            (proposals[generation],) = asked.propose(brief(generation))
    assert set(faults.made) == set(KINDS)
    same_as_server(of.budget.spent(), stub)
    with scene.stub() as stub:
        quiet, _ = explorer(scene.calls(stub, "quiet"))
        assert quiet.propose(brief(generation))[0].source == proposals[generation].source


def test_repeated_run_pays_nothing(scene: Scene) -> None:
    with scene.stub(faults=Seeded(2, 0.4)) as stub:
        (first,) = explorer(scene.calls(stub))[0].propose(brief())
        sent = len(stub.ids)
        (second,) = explorer(scene.calls(stub))[0].propose(brief())
    assert len(stub.ids) == sent and second == first


# Keys


def test_missing_key_or_invalid_endpoint_is_reported_before_any_request(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(AuthError, match="set OPENAI_API_KEY in the environment, or OPENAI_BASE_URL"):
        explorer(scene.calls())
    monkeypatch.setenv("OPENAI_BASE_URL", "localhost:8000/v1")
    with pytest.raises(InputError, match="is not a URL"):
        explorer(scene.calls())
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8000/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-\u2026very-secret")
    with pytest.raises(AuthError, match="HTTP header cannot hold") as error:
        explorer(scene.calls())
    assert "secret" not in str(error.value)


def test_wrong_key_ends_the_run_and_is_written_nowhere(scene: Scene) -> None:
    with scene.stub() as stub:
        scene.at(stub.url, key="sk-proj-very-secret-1234567890")
        with pytest.raises(AuthError, match="Incorrect API key") as error:
            explorer(scene.calls(stub))[0].propose(brief())
    assert "very-secret" not in str(error.value)
    files = [path for path in scene.home.rglob("*") if path.is_file()]
    assert files and not any(b"very-secret" in path.read_bytes() for path in files)


def test_transcript_contains_no_secrets(scene: Scene) -> None:
    with scene.stub(lambda body: [text(f"The key is {KEY}."), *discovery(body)]) as stub:
        (proposal,) = explorer(scene.calls(stub))[0].propose(brief())
    assert KEY not in proposal.transcript and "[secret]" in proposal.transcript


def test_missing_sdk_gives_a_one_line_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "autotts.agent.explorers.llm.openai")
    monkeypatch.setitem(sys.modules, "openai", None)
    with pytest.raises(InputError, match=r"pip install 'openai"):
        importlib.import_module("autotts.agent.explorers.llm.openai")


# Limits, and foolish models


def test_limit_is_exceeded_by_at_most_the_call_in_flight(scene: Scene) -> None:
    with scene.stub(long_discovery, Seeded(3, 0.3)) as stub:
        of = scene.calls(stub, limits=SpendingLimits(run=SpendingLimit(dollars=0.03)))
        with pytest.raises(LimitReached, match=r"of at most \$0\.03"):
            for generation in range(100):
                explorer(of)[0].propose(brief(generation))
    most = max(a.dollars for c in read_calls(of.home) for a in c.attempts)
    assert 0.03 <= of.budget.spent().dollars < 0.03 + most
    same_as_server(of.budget.spent(), stub)


@pytest.mark.parametrize("script", ["looping", "silent", "talking", "megabyte", "repeating"])
def test_conversation_with_a_foolish_model_ends(scene: Scene, script: str) -> None:
    with scene.stub(SCRIPTS[script]) as stub:
        of = scene.calls(stub)
        assert explorer(of)[0].propose(brief()) == []
    assert len(stub.ids) <= 12 and max(map(len, stub.bodies)) < 60_000
    same_as_server(of.budget.spent(), stub)


@pytest.mark.parametrize("script", ["odd", "gullible", "attacking"])
def test_hostile_output_is_only_stored_as_text(scene: Scene, script: str) -> None:
    with scene.stub(SCRIPTS[script]) as stub:
        asked, _ = explorer(scene.calls(stub), words=PLANTED)
        for proposal in asked.propose(brief()):
            assert proposal.source.encode() and proposal.transcript.encode()


def test_notes_keep_user_and_assistant_alternating(scene: Scene) -> None:
    with scene.stub() as stub:
        asked, _ = explorer(scene.calls(stub))
        assert asked.propose(brief())
    reply = read_calls(scene.home / "run" / "calls")[0].reply
    assert reply is not None
    results = ToolTurn((ToolReply(reply.tool_calls[0], "no", error=True),), "2 answers are left.")
    model = OpenAIModel("m", None)  # type: ignore[arg-type]
    body = model.body("rules", [], [UserTurn("a"), UserTurn("b"), ModelTurn(reply), results])
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert body["messages"][1]["content"] == "a\n\nb" and "tools" not in body
    assert body["messages"][3]["content"] == "Error:\nno\n\n2 answers are left."


# A discovery run


@pytest.mark.slow
def test_discovery_of_three_generations_with_all_tools(scene: Scene) -> None:
    environments = default_environments(questions=4, branches=16)[:2]
    config = RunConfig(
        explorer="openai", model=MODEL, generations=3, population=2, orders=1, betas=(0.0, 0.5, 1.0), max_branches=16,
        environments={env.name: env.hash for env in environments},
    )  # fmt: skip
    made: list[Toolbox] = []

    def tools(brief: Brief) -> Toolbox:
        assert brief.bench is not None
        made.append(Toolbox(brief.bench))
        return made[-1]

    run = Run.create(scene.home / "run", config, environments)
    with scene.stub(faults=Seeded(8, 0.1)) as stub, ProcessSandbox(1) as sandbox:
        of = scene.calls(stub)
        discover(Discovery(run, OpenAIExplorer(MODEL, of, briefing, tools), sandbox, budget=of.budget))
    cards = [card for card in run.archive.cards() if card.generation > 0]
    assert len(cards) == 6 and all(card.ok for card in cards), [(c.id, c.verdict, c.message) for c in cards]
    assert {card.generation for card in cards} == {1, 2, 3} and all(card.outcome for card in cards)
    used = {c["function"]["name"] for r in stub.requests for m in r["messages"] for c in m.get("tool_calls", [])}
    assert used | {"submit"} == set(NAMES)
    assert 0 < sum(card.cost.dollars for card in cards) <= of.budget.spent().dollars
    same_as_server(of.budget.spent(), stub)
    requests = b"".join(stub.bodies).decode().lower()
    assert not any(env.name.lower() in requests for env in environments)


def test_stub_rejects_requests_that_a_real_endpoint_rejects(scene: Scene) -> None:
    def forgetful(body: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [tool("list_versions")]

    with scene.stub(forgetful) as stub, pytest.MonkeyPatch.context() as patched:
        patched.setattr("autotts.agent.explorers.llm.openai._results", lambda turn: [])
        asked, _ = explorer(scene.calls(stub))
        assert asked.propose(brief()) == []
    assert len(stub.ids) == 2
