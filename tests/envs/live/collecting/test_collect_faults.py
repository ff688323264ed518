"""Collecting from every kind of server while it fails: the same environment, nothing paid twice, equal counts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.collecting.questions import CollectQuestion, QuestionFile, messages_of
from autotts.envs.live.collecting.session import CollectOutcome, CollectPlan, collect
from autotts.envs.live.connecting import connect
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.retries import RetryLimits
from autotts.envs.live.settings import LiveSettings

from ..clocks import InstantClock
from ..stub_faults import Fault, FaultPlan
from ..stub_server import FLAVOURS, StubQuestion, StubServer

QUESTIONS, BRANCHES, DELTA, FAULTS = 3, 12, 10, 150
KINDS: tuple[Fault, ...] = ("429", "500", "503", "cut", "reset", "lost reply", "restart", "garbage")
LIMITS = RetryLimits(deadline=1e6, silence=2.0, reply=2.0, connect=5.0)


@contextmanager
def stub(flavour: str) -> Iterator[StubServer]:
    made = [
        StubQuestion.of(
            f"{q}?", [[str((q + n + k) % 3) for k in range(12)] for n in range(BRANCHES)],
            [5 + (7 * n + 31 * q) % 110 for n in range(BRANCHES)], DELTA,
        )
        for q in range(QUESTIONS)
    ]  # fmt: skip
    with StubServer(made, flavour=flavour, branch_of_seed=lambda seed: seed % BRANCHES) as server:
        yield server


def run(home: Path, server: StubServer, plan: FaultPlan | None) -> CollectOutcome:
    asked = [CollectQuestion(messages_of(f"{q}?"), f"{q}?", "1") for q in range(QUESTIONS)]
    settings = LiveSettings(
        delta=DELTA, max_branches=BRANCHES, branch_tokens=500, probe_suffix="\n\\boxed{", probe_tokens=4, seed=0
    )
    found = extraction("--extract", "boxed")
    assert found is not None
    reader = AnswerReader(found, "number")

    async def connected() -> HttpEndpoint:
        endpoint = await connect(server.base_url, limits=LIMITS, clock=InstantClock(), concurrency=8)
        server.reset_counts()
        server.faults = plan
        return endpoint

    work = CollectPlan(
        "a/b", home, "q.jsonl", QuestionFile(asked, {}, "number"), lambda model, context: settings,
        lambda model: reader, concurrency=8,
    )  # fmt: skip
    return asyncio.run(collect(work, [("stub", connected)]))


@pytest.mark.slow
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_faults_change_nothing_and_nothing_is_paid_twice(flavour: str, tmp_path: Path) -> None:
    with stub(flavour) as server:
        calm = run(tmp_path / "calm", server, None)
    plan = FaultPlan(FAULTS, KINDS, share=0.5)
    with stub(flavour) as server:
        rough = run(tmp_path / "rough", server, plan)
    assert calm.made is not None and rough.made is not None, (calm.stopped, rough.stopped)
    assert rough.made.environment.hash == calm.made.environment.hash and not rough.collection.lost
    assert sum(plan.injected.values()) >= (FAULTS if calm.collection.probed else 20)
    assert all(counts.completed <= 1 for counts in server.by_request.values())
    use, probes, counts = rough.collection.use, rough.collection.probe_use, server.counts
    assert use.generated + probes.generated == counts.generated
    assert use.prefilled + use.cached + probes.prefilled + probes.cached == counts.prefilled + counts.cached
    assert use.retries + probes.retries >= sum(plan.injected.values())
