"""Errors that end a run, spending limits, and foolish or hostile models, with the explorer `anthropic`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.explorers.llm.anthropic import AnthropicExplorer
from autotts.agent.llm.budget import LimitReached, SpendingLimit, SpendingLimits
from autotts.agent.llm.calls import RetryPolicy, read_calls
from autotts.agent.llm.failures import AuthError, RequestRefused, ServiceDown

from ....stubs.conversations import StubTools, at, brief, calls, explorer, prompt, same_as_server
from ....stubs.faults import Listed, Seeded, never
from ....stubs.messages_api import KEY
from ....stubs.scripts import PLANTED, SCRIPTS, discovery, long_discovery, text, tool
from .test_anthropic import Scene


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


# Errors that end a run


def test_missing_key_is_reported_before_any_spending(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene.stub() as stub:
        monkeypatch.delenv("ANTHROPIC_API_KEY")
        with pytest.raises(AuthError, match=r"^no key .* set ANTHROPIC_API_KEY"):
            explorer(calls(scene.home, stub))
    assert not stub.ids


def test_wrong_key_ends_the_run_and_is_written_nowhere(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene.stub() as stub:
        at(stub.url, monkeypatch, scene.home, key="sk-ant-very-secret-1234567890")
        with pytest.raises(AuthError, match="invalid key"):
            explorer(calls(scene.home, stub))[0].propose(brief())
    assert not any(b"very-secret" in path.read_bytes() for path in scene.home.rglob("*") if path.is_file())


def test_model_without_a_price_is_asked_and_its_tokens_are_counted(scene: Scene) -> None:
    with scene.stub() as stub:
        of = calls(scene.home, stub)
        assert AnthropicExplorer("claude-nobody", of, prompt, lambda brief: StubTools()).propose(brief())
    spent = of.budget.spent()
    assert spent.dollars == 0 and spent.usage.output > 0 and spent.unpriced == spent.calls > 0
    assert str(spent).startswith("$0.0000 (unknown price), ")


def test_model_that_the_provider_does_not_have_ends_the_run(scene: Scene) -> None:
    with scene.stub() as stub, pytest.raises(RequestRefused, match="model: gpt-5"):
        AnthropicExplorer("gpt-5", calls(scene.home, stub), prompt, lambda brief: StubTools()).propose(brief())


def test_deadline_ends_the_run_and_it_can_resume(scene: Scene) -> None:
    retries = RetryPolicy(deadline=600, silence=60)
    faults = Listed(*["overloaded", "rate_limited", "silence", "server_error"] * 20)
    with scene.stub(faults=faults) as stub:
        of = calls(scene.home, stub, retries=retries)
        with pytest.raises(ServiceDown, match=r"no answer within 0\.166667 h"):
            explorer(of)[0].propose(brief())
        assert of.clock.now() <= 600 + 1e-6
        tried = len(stub.ids)
        assert tried < 40
        stub.faults = never
        assert explorer(calls(scene.home, stub, retries=retries))[0].propose(brief())
    assert len(stub.ids) == len(set(stub.ids)) > tried


def test_retry_after_header_is_honoured(scene: Scene) -> None:
    with scene.stub(faults=Listed("rate_limited", "overloaded")) as stub:
        of = calls(scene.home, stub)
        assert explorer(of)[0].propose(brief())
    first, second = of.clock.slept  # type: ignore[attr-defined]
    assert 7.0 <= first <= 7.0 * 1.25 and 2.0 <= second <= 4.0


def test_secrets_are_never_written_to_disk(scene: Scene) -> None:
    def confessing(body: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [text(f"The key is {KEY}, I believe."), *discovery(body)]

    with scene.stub(confessing, Seeded(1, 0.3)) as stub:
        (proposal,) = explorer(calls(scene.home, stub), words="header x-api-key")[0].propose(brief())
    assert KEY not in proposal.transcript and "[secret]" in proposal.transcript
    of_ours = [path for path in (scene.home / "calls").rglob("*") if path.is_file()]
    assert of_ours and not any(b"idempotency" in path.read_bytes().lower() for path in of_ours)


# Limits


def test_limit_is_exceeded_by_at_most_the_call_in_flight(scene: Scene) -> None:
    with scene.stub(long_discovery, Seeded(3, 0.3)) as stub:
        of = calls(scene.home, stub, SpendingLimits(run=SpendingLimit(dollars=0.10)))
        with pytest.raises(LimitReached, match=r"of at most \$0\.1"):
            for generation in range(100):
                explorer(of)[0].propose(brief(generation))
    spent = of.budget.spent()
    most = max(a.dollars for call in read_calls(scene.home / "calls") for a in call.attempts)
    assert 0.10 <= spent.dollars < 0.10 + most
    same_as_server(spent, stub)


def test_limit_on_calls_is_exact_with_concurrent_proposals(scene: Scene) -> None:
    with scene.stub() as stub:
        of = calls(scene.home, stub, SpendingLimits(generation=SpendingLimit(calls=20)))
        asked, _ = explorer(of)

        def one(slot: int) -> str:
            try:
                return "proposed" if asked.propose(brief(1, slot)) else "nothing"
            except LimitReached as reached:
                return reached.scope

        with ThreadPoolExecutor(4) as threads:
            scopes = list(threads.map(one, range(4)))
        assert len(stub.ids) == 20 == of.budget.spent(1).calls and "generation" in scopes
        assert asked.propose(brief(2))


# Foolish and hostile models


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("looping", "called list_versions with the same arguments 3 times"),
        ("silent", "4 successive answers without a useful tool call"),
        ("talking", "4 successive answers without a useful tool call"),
        ("megabyte", "4 successive answers without a useful tool call"),
        ("repeating", "4 successive answers without a useful tool call"),
    ],
)  # fmt: skip
def test_conversation_with_a_foolish_model_ends(scene: Scene, script: str, why: str) -> None:
    reports: list[dict[str, Any]] = []
    with scene.stub(SCRIPTS[script]) as stub:
        of = calls(scene.home, stub)
        asked, _ = explorer(of, report=lambda event: reports.append(event.document()))
        assert asked.propose(brief()) == []
    assert reports[0]["ended"] == why and len(stub.ids) <= 12
    assert max(map(len, stub.bodies)) < 60_000  # a megabyte is not sent back
    same_as_server(of.budget.spent(), stub)


@pytest.mark.parametrize("script", ["odd", "gullible", "attacking"])
def test_hostile_output_is_only_stored_as_text(scene: Scene, script: str) -> None:
    with scene.stub(SCRIPTS[script]) as stub:
        of = calls(scene.home, stub)
        asked, tools = explorer(of, words=PLANTED)
        for proposal in asked.propose(brief()):
            assert proposal.source.encode() and proposal.transcript.encode()
    assert of.budget.spent().calls == len(set(stub.ids)) <= 30
    assert script != "gullible" or "run_shell" in {name for name, _ in tools[0].made}  # no such tool exists


def test_request_refused_after_the_first_turn_ends_only_its_conversation(scene: Scene) -> None:
    def strange(body: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [text(" "), tool("list_versions", at=len(body["messages"]))] if len(body["messages"]) < 9 else []

    with scene.stub(strange) as stub:
        asked, _ = explorer(calls(scene.home, stub))
        assert asked.propose(brief()) == []
    assert "thinking" in stub.requests[-1]


def test_endless_answer_is_cut_at_the_deadline(scene: Scene) -> None:
    """A stream with constant small progress never times out, but the deadline ends it."""
    with scene.stub(faults=Listed(*["silence"] * 5)) as stub:
        of = calls(scene.home, stub, retries=RetryPolicy(silence=120, deadline=200))
        with pytest.raises(ServiceDown):
            explorer(of)[0].propose(brief())
        assert of.clock.now() <= 200 + 1e-6 and not threading.current_thread().daemon
