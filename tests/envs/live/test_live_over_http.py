"""Controllers on live questions over HTTP, against the stub and against llama.cpp with the tiny model; then replay."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from autotts.envs.answers.extraction import extraction
from autotts.envs.contract.replay import Recording, ReplayQuestion
from autotts.envs.live.answer_reader import AnswerReader
from autotts.envs.live.connecting import connect
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.kept_episode import KeptEpisode
from autotts.envs.live.question import LiveQuestion, run_live
from autotts.envs.live.repetition import replay
from autotts.envs.live.retries import SystemClock
from autotts.envs.live.settings import LiveSettings, request_seed
from autotts.envs.live.tiny import PROBE_SUFFIX
from autotts.envs.live.tiny.questions import questions
from autotts.envs.live.tiny.server import TinyServer

from .stub_server import FaultPlan, StubQuestion, StubServer
from .test_kept_episode import controller, solved

CONTROLLERS = ("self_consistency", "parallel_probe", "g007-eefc52e2")
WIDTH = 8


def reader(answers: str = "exact") -> AnswerReader:
    found = extraction("--extract", "boxed")
    assert found is not None
    return AnswerReader(found, answers)


@contextmanager
def connected(*given: Any, **options: Any) -> Iterator[HttpEndpoint]:
    endpoint = run_live(connect(*given, **options))
    try:
        yield endpoint
    finally:
        run_live(endpoint.close())


class HastyClock(SystemClock):
    """A clock on which no wait takes time."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


def recording(delta: int = 8) -> Recording:
    chance = random.Random(3)
    columns = [[chance.choice("1112233") for _ in range(chance.randint(2, 9))] for _ in range(WIDTH)]
    tokens = [(len(column) - 1) * delta + chance.randint(1, delta) for column in columns]
    return Recording.of(columns, tokens, delta)


@pytest.mark.slow
@pytest.mark.parametrize("flavour", ["vllm", "llama.cpp"])
@pytest.mark.parametrize("faults", [0, 20])
def test_controllers_do_the_same_over_http_as_in_replay(flavour: Any, faults: int) -> None:
    recorded = recording()
    seeds = {request_seed(7, branch, 0): branch for branch in range(WIDTH)}
    asked = LiveSettings(delta=8, max_branches=WIDTH, branch_tokens=4000, probe_suffix=PROBE_SUFFIX, seed=7)
    plan = FaultPlan(faults, kinds=("429", "503", "cut", "reset", "lost reply"), share=0.3) if faults else None
    known = [StubQuestion.of_recording("a question", recorded)]
    stub = StubServer(known, flavour=flavour, branch_of_seed=seeds.__getitem__, faults=plan)
    with stub as server, connected(server.base_url, server.model_name, clock=HastyClock()) as endpoint:
        for name in CONTROLLERS:
            for max_tokens in (None, 300):
                limited = replace(asked, max_tokens=max_tokens)
                with LiveQuestion.open(endpoint, "a question", limited, reader()) as live:
                    replayed = ReplayQuestion(recorded, range(WIDTH), WIDTH, max_tokens)
                    answers = [solved(controller(name), 0.7, question) for question in (live, replayed)]
                assert live.episode.notes == []
                assert answers[0] == answers[1]
                assert (live.tokens, live.latency) == (replayed.tokens, replayed.latency)
                assert live.episode.log.pack() == replayed.finish().pack()


@pytest.mark.slow
def test_episodes_with_the_tiny_model_are_repeated_in_replay() -> None:
    asked = questions(1, seed=11)
    with TinyServer(parallel=16) as server, connected(server.base_url, server.model) as endpoint:
        for name in CONTROLLERS:
            for max_tokens in (None, 1500):
                for at, (text, gold) in enumerate(asked):
                    settings = LiveSettings(
                        delta=24, max_branches=WIDTH, branch_tokens=480, max_tokens=max_tokens,
                        probe_suffix=PROBE_SUFFIX, probe_tokens=8, seed=at,
                    )  # fmt: skip
                    with LiveQuestion.open(endpoint, text, settings, reader("number")) as live:
                        answer = solved(controller(name), 0.7, live)
                    kept = KeptEpisode.of(
                        live.episode, controller=name, beta=0.7, seed=5, answer=answer, gold=gold, text=True
                    )
                    assert live.episode.notes == []
                    assert replay(KeptEpisode.read(kept.line()), controller(name)).differences == ()
