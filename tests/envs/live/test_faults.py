"""The endpoint against injected faults: nothing is lost, nothing is paid twice, and its counts are the server's."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from autotts.envs.live.connecting import connect
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.exchange import Passage, Prompt, Sampling, TokenUse
from autotts.envs.live.retries import RetryLimits

from .clocks import InstantClock
from .stub_faults import ALL, Fault, FaultPlan
from .stub_server import FLAVOURS, StubQuestion, StubServer

BRANCHES, DELTA = 40, 10
LENGTHS = [5 + 7 * n % 60 for n in range(BRANCHES)]
TEXT = "How many?"
PROMPT = [{"role": "user", "content": TEXT}]
LIMITS = RetryLimits(deadline=1e6, silence=2.0, reply=2.0, connect=5.0)
FAULTS = 72
"""Faults for each of seven servers, with streams and without: a thousand in all."""
BLIND = ("transformers", "ollama", "openai")
"""Servers that send no token for each token generated, or are asked for as many as they like."""


def question() -> StubQuestion:
    return StubQuestion.of(TEXT, [["1", "2"] * 4] * BRANCHES, LENGTHS, DELTA)


def sampled(seed: int, stream: bool = False, tokens: int | None = DELTA) -> dict[str, object]:
    return {"max_tokens": tokens, "sampling": Sampling(), "seed": seed, "stream": stream}


async def run_branch(endpoint: HttpEndpoint, prompt: Prompt, number: int, use: TokenUse, stream: bool) -> Passage:
    """Run a branch to its end; an empty passage has no end if the context was said to be full."""
    passage, depth = Passage(), 0
    tokens = None if endpoint.level == "width only" else DELTA
    while True:
        done = await endpoint.generate(
            prompt, passage, use=use, **sampled(number * 1000 + depth, stream, tokens)  # type: ignore[arg-type]
        )  # fmt: skip
        passage, depth = passage.then(done), depth + 1
        if done.finish_reason == "context full":
            return replace(passage, token_ids=None)
        if done.ended:
            return replace(passage, token_ids=())


@pytest.mark.slow
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("flavour", FLAVOURS)
def test_nothing_is_lost_and_nothing_is_paid_twice(flavour: str, stream: bool) -> None:
    # a usage too high cannot be found out where nothing bounds it; what a full context has cost, only a stream tells
    left_out = [*(["wrong usage"] if flavour in BLIND else []), *([] if stream else ["context full"])]
    kinds: list[Fault] = [kind for kind in ALL if kind not in left_out]
    use = TokenUse()

    async def run() -> list[Passage]:
        endpoint = await connect(server.base_url, limits=LIMITS, clock=InstantClock(), concurrency=BRANCHES)
        server.reset_counts()
        server.faults = plan
        rendered = await endpoint.prompt(PROMPT)
        rounds = []
        while sum(plan.injected.values()) < FAULTS:
            first = BRANCHES * len(rounds)
            rounds.append(
                await asyncio.gather(*(run_branch(endpoint, rendered, first + n, use, stream) for n in range(BRANCHES)))
            )
        await endpoint.close()
        return [passage for each in rounds for passage in each]

    plan = FaultPlan(FAULTS, kinds)
    with StubServer([question()], flavour=flavour, branch_of_seed=lambda seed: seed // 1000 % BRANCHES) as server:
        passages = asyncio.run(run())
    branches = question().branches
    whole = Counter(passage.token_ids is not None for passage in passages)
    assert whole[False] == plan.injected["context full"]
    for number, passage in enumerate(passages):
        recorded = branches[number % BRANCHES].text
        assert passage.text == recorded if passage.token_ids is not None else recorded.startswith(passage.text)
    assert sum(plan.injected.values()) == FAULTS
    assert all(counts.completed <= 1 for counts in server.by_request.values())
    counts = server.counts
    assert use.generated == counts.generated
    assert use.prefilled + use.cached == counts.prefilled + counts.cached
    assert (
        use.requests >= counts.attempts
        and use.retries >= FAULTS - plan.injected["context full"] - plan.injected["wrong usage"]
    )
    if stream and flavour not in BLIND:
        assert use.cancelled == counts.wasted
    else:  # the end-of-text token of a stream that breaks after it has no text to be counted by
        assert use.cancelled >= counts.wasted - plan.injected["lost reply"]
