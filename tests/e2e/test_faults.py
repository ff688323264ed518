"""Compares a discovery in which most calls to the language model fail with the same discovery without faults."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autotts.agent.archive.archive import FIGURES
from autotts.agent.archive.run_directory import Run
from autotts.agent.llm.calls import read_calls
from autotts.agent.llm.session import SessionLimits

from ..stubs.conversations import at, same_as_server
from ..stubs.faults import ANSWERS, KINDS, Faults, Seeded, never
from ..stubs.messages_api import Stub
from ..stubs.scripts import discovery
from .test_models import begin, conversations, play

GENERATIONS, POPULATION = 9, 3
CACHE_FIELDS = ("dollars", "cached_tokens")
"""Fields of a cost that depend on the cache of the service, and so on the time of other requests."""
CONVERSATION_FIELDS = ("cost", "transcript.txt.gz")
"""Files and fields that differ if the model gave useless answers, or if the service called a conversation too long: the
same candidate then takes a longer conversation."""
DERIVED = ("index.sqlite", "manifest.json", FIGURES, "audits")  # a shorter run reports, and so audits, others
"""Files that are derived from the others; `verify` checks them."""
SERVICE = tuple(kind for kind in KINDS if kind not in (*ANSWERS, "prompt_too_long", "too_large"))
"""Faults that do not change the conversation."""


def test_thousand_service_faults_change_costs_but_not_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.fsync", lambda file: None)  # the test needs no safety against power failures

    def discover(name: str, faults: Faults, generations: int = GENERATIONS) -> Run:
        with Stub(discovery, faults) as stub:
            at(stub.url, monkeypatch, tmp_path)
            run = begin(tmp_path / name, generations=generations, population=POPULATION)
            calls = play(
                run, stub, session=SessionLimits(turns=60, useless=20)
            )  # many answers in a row may be useless here
            # to the token and the dollar what the server has billed, and nothing was sent, or is counted, twice
            same_as_server(calls.budget.spent(), stub)
            assert len(stub.ids) == len(set(stub.ids)) == calls.budget.spent().calls
        assert run.archive.verify() == []
        assert all(event.ended == "submitted" for event in conversations(run))
        return run

    whole, everything, service = discover("whole", never), Seeded(3, 0.85), Seeded(4, 0.85, SERVICE)
    run = discover("all", everything)
    assert sum(everything.made.values()) >= 1_000 and set(everything.made) == set(KINDS)
    failed = {attempt.outcome for call in read_calls(run.home / "calls") for attempt in call.attempts}
    assert len(failed - {"answered"}) == 11, "all that a service can do wrong has been known for what it was"
    assert len(whole.archive.ids()) > GENERATIONS * POPULATION
    assert versions(run, *CONVERSATION_FIELDS) == versions(whole, *CONVERSATION_FIELDS)
    assert (run.home / "report.json").read_bytes() == (whole.home / "report.json").read_bytes()

    run = discover("service", service, generations=2)
    assert sum(service.made.values()) >= 200 and set(service.made) == set(SERVICE)
    first = {card.id for card in whole.archive.cards() if card.generation <= 2}
    same = versions(whole, *CACHE_FIELDS).items()
    assert versions(run, *CACHE_FIELDS) == {path: data for path, data in same if path.partition("/")[0] in first}


def versions(run: Run, *without: str) -> dict[str, Any]:
    """Return all files of the archive by path, without some, and the cards without some fields."""
    found: dict[str, Any] = {}
    for path in sorted(run.archive.root.rglob("*")):
        if path.is_file() and not {path.name, path.parent.name} & {*DERIVED, *without}:
            data: Any = path.read_bytes()
            if path.name == "card.json":
                data = json.loads(data)
                for name in without:
                    data.pop(name, None)
                    data.get("cost", {}).pop(name, None)
            found[path.relative_to(run.archive.root).as_posix()] = data
    return found
