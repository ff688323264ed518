"""What a test of a language model's explorer needs beside a stub: an environment, tools, a task, a run's calls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.explorers.llm.anthropic import AnthropicExplorer
from autotts.agent.llm.budget import LlmBudget, Spending, SpendingLimits
from autotts.agent.llm.calls import CallJournal, RetryPolicy
from autotts.agent.llm.prices import Prices
from autotts.agent.llm.session import ConversationPrompt, SessionLimits
from autotts.agent.records.explorer import Brief
from autotts.agent.records.version import Expectation

from .clocks import StubClock
from .messages_api import KEY, Stub

MODEL = "claude-opus-4-8"
NAMES = (
    "list_versions", "read_source", "scaling_curve", "compare", "findings", "find_episodes", "read_trace",
    "try_candidate", "submit",
)  # fmt: skip
_SECRET = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_PROFILE", "ANTHROPIC_WORKSPACE_ID")


def at(url: str, monkeypatch: pytest.MonkeyPatch, nowhere: Path, key: str = KEY) -> None:
    """Let the SDK find nothing but the stub at ``url``."""
    for name in _SECRET:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    monkeypatch.setenv("ANTHROPIC_CONFIG_DIR", str(nowhere))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@dataclass(frozen=True)
class Given:
    text: str
    error: bool = False


@dataclass(frozen=True)
class Handed:
    source: str
    rationale: str
    parents: tuple[str, ...] = ()
    expects: tuple[Expectation, ...] = ()


@dataclass
class StubTools:
    """Tools that give texts of the usual size, and accept whatever is new, short and says `Controller`."""

    submitted: Handed | None = None
    made: list[tuple[str, str]] = field(default_factory=list)
    words: str = ""
    """Put into every result."""

    def specifications(self) -> list[dict[str, Any]]:
        kinds = {"submit": ("source", "rationale"), "try_candidate": ("source",)}
        return [
            {
                "name": name,
                "description": f"What {name.replace('_', ' ')} does. " * 8,
                "input_schema": {
                    "type": "object",
                    "properties": {key: {"type": "string"} for key in kinds.get(name, ("version",))},
                },
            }
            for name in NAMES
        ]

    def call(self, name: str, arguments: str) -> Given:
        self.made.append((name, arguments))
        given = json.loads(arguments)
        if name not in NAMES:
            return Given(f"no tool {name}", error=True)
        if name == "submit":
            source, why = given["source"], given["rationale"]
            no_class = "class " not in source
            if no_class or len(source) > 60_000 or "os.system" in source or "Simply the best" in why:
                return Given("not accepted: change what it does", error=True)
            self.submitted = Handed(source, why)
            return Given("accepted")
        rows = "\n".join(f"g001-0123456{i} 71.{i}% 12,345 tokens e1:q{i}:b0.5:o1000" for i in range(6))
        return Given(f"{name} of {arguments[:80]}\n{rows}\n{self.words}")


def prompt(brief: Brief, step: str) -> ConversationPrompt:
    system = "You write controllers that spend tokens. " * 120
    first = f"Generation {brief.generation}, {step}, slot {brief.slot}. " + "What is known: little. " * 60
    return ConversationPrompt(system, first, "p1")


def calls(
    home: Path, stub: Stub | None = None, limits: SpendingLimits | None = None, retries: RetryPolicy | None = None,
    clock: StubClock | None = None,
) -> CallJournal:  # fmt: skip
    clock = clock or StubClock(stub.silent if stub else ())
    budget = LlmBudget(limits or SpendingLimits(), clock.now)
    return CallJournal(home / "calls", 7, Prices(), budget, clock, retries)


def explorer(
    of: CallJournal, session: SessionLimits | None = None, words: str = "", **more: Any
) -> tuple[AnthropicExplorer, list[StubTools]]:
    """Return an explorer, and the list that its tools go to."""
    made: list[StubTools] = []

    def tools(brief: Brief) -> StubTools:
        made.append(StubTools(words=words))
        return made[-1]

    return AnthropicExplorer(MODEL, of, prompt, tools, session, **more), made


def brief(generation: int = 1, slot: int = 0) -> Brief:
    return Brief(seed=3, generation=generation, count=1, parents=(), front=(), slot=slot)


def same_as_server(spent: Spending, stub: Stub) -> None:
    """Check that the spending equals the server's bills, in tokens and, by the same prices, in dollars."""
    assert spent.usage.model_dump() == stub.total()
    price = Prices().of(MODEL)
    billed = sum(price.dollars(spent.usage.model_validate(bill)) for bill in stub.bills.values())
    assert spent.dollars == pytest.approx(billed, abs=1e-9)
