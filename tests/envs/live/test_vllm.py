"""The endpoint against vLLM's own server with the tiny model; `make vllm` installs it and runs these tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from autotts.envs.errors import InputError
from autotts.envs.live import tiny
from autotts.envs.live.checking import EndpointCheck
from autotts.envs.live.connecting import connect
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.exchange import GREEDY, Passage, Sampling, TokenUse
from autotts.envs.live.tiny.questions import questions

from .vllm_server import needs_vllm

Result = TypeVar("Result")
pytestmark = needs_vllm


def ask(url: str, task: Callable[[HttpEndpoint], Awaitable[Result]], model: str | None = None) -> Result:
    async def run() -> Result:
        endpoint = await connect(url, model, alternatives=5)
        try:
            return await task(endpoint)
        finally:
            await endpoint.close()

    return asyncio.run(run())


MESSAGES = [{"role": "user", "content": questions(1, 0)[0][0]}]


def test_a_branch_goes_on_by_token_ids_and_is_probed(vllm_url: str) -> None:
    async def run(endpoint: HttpEndpoint) -> tuple[str, str, str, TokenUse]:
        use, prompt = TokenUse(), await endpoint.prompt(MESSAGES)
        assert prompt.token_ids is not None and prompt.text is not None
        passage, parts = Passage(), []
        while len(parts) < 30:
            done = await endpoint.generate(prompt, passage, max_tokens=24, sampling=GREEDY, use=use)
            parts.append(done)
            passage = passage.then(done)
            assert done.token_ids is not None and len(done.token_ids) == done.tokens
            assert done.logprobs is not None and len(done.logprobs) == done.tokens
            assert done.entropies is not None and done.token_texts is not None
            if done.ended:
                break
            assert done.tokens == 24
        whole = await endpoint.generate(prompt, Passage(), max_tokens=24 * len(parts), sampling=GREEDY, use=TokenUse())
        probe = await endpoint.generate(
            prompt, Passage().then(parts[0]), max_tokens=8, sampling=GREEDY, use=use, suffix=tiny.PROBE_SUFFIX
        )
        assert use.generated == sum(part.tokens for part in parts) + probe.tokens
        return passage.text, whole.text, probe.text, use

    intervals, whole, probe, use = ask(vllm_url, run)
    assert intervals == whole
    assert probe.rstrip().endswith("}") or probe
    assert use.cached > 0 and use.retries == 0


def test_cancelling_a_request_ends_its_generation(vllm_url: str) -> None:
    async def run(endpoint: HttpEndpoint) -> TokenUse:
        use, prompt, arrived = TokenUse(), await endpoint.prompt(MESSAGES), asyncio.Event()
        request = endpoint.generate(
            prompt, Passage(), max_tokens=600, sampling=Sampling(), use=use, on_text=lambda _: arrived.set()
        )
        task = asyncio.create_task(request)
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return use

    use = ask(vllm_url, run)
    assert 0 < use.cancelled < 600 and use.generated == 0


def test_a_full_context_ends_the_branch(vllm_url: str) -> None:
    async def run(endpoint: HttpEndpoint) -> tuple[str, int]:
        prompt = await endpoint.prompt(MESSAGES)
        assert prompt.token_ids is not None and endpoint.context == 1024
        nearly = Passage("x", (prompt.token_ids[-1],) * (1024 - len(prompt.token_ids) - 5))
        done = await endpoint.generate(prompt, nearly, max_tokens=24, sampling=Sampling(), use=TokenUse())
        full = await endpoint.generate(
            prompt, Passage("x", (1,) * 2000), max_tokens=24, sampling=Sampling(), use=TokenUse()
        )
        assert full.ended and full.tokens == 0
        return done.finish_reason, done.tokens

    reason, tokens = ask(vllm_url, run)
    assert reason in ("context full", "stop") and tokens <= 5


def test_the_check_finds_what_vllm_can_do(vllm_url: str) -> None:
    report = ask(vllm_url, lambda endpoint: EndpointCheck(endpoint).report())
    print(report.model_dump_json(indent=1))
    found = {each.name: each.found for each in report.abilities}
    assert (report.server, report.level, report.context) == ("vllm", "full", 1024)
    for name in ("raw completions", "prompt as token ids", "token ids back", "cached tokens reported", "stop details"):
        assert found[name] == "yes", name
    assert found["closing a stream ends it"] == "yes"


def test_a_wrong_model_is_one_line(vllm_url: str) -> None:
    with pytest.raises(InputError, match="has no model other: it lists autotts-tiny"):
        ask(vllm_url, lambda endpoint: asyncio.sleep(0), "other")
