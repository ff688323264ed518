"""The endpoint against llama.cpp's own server with the tiny model."""

from __future__ import annotations

import asyncio

import pytest

from autotts.envs.live.connecting import connect
from autotts.envs.live.exchange import GREEDY, Completion, Passage, Sampling, TokenUse
from autotts.envs.live.tiny import PROBE_SUFFIX
from autotts.envs.live.tiny.questions import questions
from autotts.envs.live.tiny.server import TinyServer

pytestmark = pytest.mark.slow
MESSAGES = [{"role": "user", "content": questions(1, 0)[0][0]}]


@pytest.mark.parametrize("stream", [False, True])
def test_intervals_are_the_parts_of_a_whole_branch(stream: bool) -> None:
    async def run(url: str) -> tuple[list[Completion], Completion, Completion, TokenUse]:
        endpoint, use = await connect(url, alternatives=5), TokenUse()
        prompt, passage, parts = await endpoint.prompt(MESSAGES), Passage(), list[Completion]()
        while not parts or not parts[-1].ended:
            parts.append(
                await endpoint.generate(prompt, passage, max_tokens=24, sampling=GREEDY, use=use, stream=stream)
            )
            passage = passage.then(parts[-1])
        probe = await endpoint.generate(
            prompt, Passage().then(parts[0]), max_tokens=8, sampling=GREEDY, use=use, suffix=PROBE_SUFFIX
        )
        whole = await endpoint.generate(prompt, Passage(), max_tokens=None, sampling=GREEDY, use=TokenUse())
        await endpoint.close()
        return parts, probe, whole, use

    with TinyServer(parallel=2) as server:
        parts, probe, whole, use = asyncio.run(run(server.base_url))
    assert "".join(part.text for part in parts) == whole.text
    assert all(part.tokens == 24 for part in parts[:-1]) and sum(part.tokens for part in parts) == whole.tokens
    assert all(part.token_ids is not None and len(part.token_ids) == part.tokens for part in parts)
    assert all(part.entropies is not None and part.logprobs is not None for part in parts)
    assert use.generated == whole.tokens + probe.tokens
    assert use.cached > use.prefilled and "}" in probe.text


def test_a_seed_draws_the_same_branch_again() -> None:
    async def run(url: str) -> list[str]:
        endpoint = await connect(url)
        prompt = await endpoint.prompt(MESSAGES)
        drawn = [
            await endpoint.generate(prompt, Passage(), max_tokens=48, sampling=Sampling(), use=TokenUse(), seed=seed)
            for seed in (1, 1, 2)
        ]
        await endpoint.close()
        return [each.text for each in drawn]

    with TinyServer(parallel=1) as server:
        first, again, other = asyncio.run(run(server.base_url))
    assert first == again != other
