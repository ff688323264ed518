"""The endpoint against every kind of server: branches go on and are probed, and tokens are counted as by the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from autotts.envs.errors import InputError
from autotts.envs.live.capabilities import Capabilities
from autotts.envs.live.connecting import connect
from autotts.envs.live.endpoint import HttpEndpoint
from autotts.envs.live.exchange import GREEDY, Completion, Passage, Prompt, RequestLost, Sampling, TokenUse
from autotts.envs.live.retries import RetryLimits

from .stub_server import FLAVOURS, StubQuestion, StubServer

Result = TypeVar("Result")
QUESTION = StubQuestion.of("What is 6 times 7?", [["41", "42", "42"], [None, "41"]], [25, 18], 10)
MESSAGES = [{"role": "user", "content": QUESTION.text}]
SUFFIX = "\n</think>\n\nFinal answer: \\boxed{"
LEVELS = {
    "vllm": "full", "llama.cpp": "full", "sglang": "full", "transformers": "width only", "ollama": "continue",
    "deepseek": "full", "openai": "width only",
}  # fmt: skip
CONTINUING = [name for name, level in LEVELS.items() if level != "width only"]
KEYED = ("deepseek", "openai")


def fresh() -> StubQuestion:
    return StubQuestion(QUESTION.text, QUESTION.branches)


def ask(server: StubServer, task: Callable[[HttpEndpoint], Awaitable[Result]], **options: object) -> Result:
    async def run() -> Result:
        endpoint = await connect(server.base_url, None, server.key, **options)  # type: ignore[arg-type]
        server.reset_counts()
        try:
            return await task(endpoint)
        finally:
            await endpoint.close()

    return asyncio.run(run())


async def to_end(
    endpoint: HttpEndpoint, prompt: Prompt, use: TokenUse, delta: int = 10, stream: bool = False
) -> tuple[str, list[Completion]]:
    """Run a branch to its end, interval by interval."""
    passage, parts = Passage(), list[Completion]()
    while not parts or not parts[-1].ended:
        more = await endpoint.generate(
            prompt, passage, max_tokens=delta, sampling=Sampling(), use=use, seed=7, stream=stream
        )
        parts.append(more)
        passage = passage.then(more)
    return passage.text, parts


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_connecting_finds_the_level_of_each_server(flavour: str) -> None:
    with StubServer([fresh()], flavour=flavour, key="k" if flavour in KEYED else None) as server:
        found = ask(server, lambda endpoint: asyncio.sleep(0, endpoint.capabilities))
    assert found.level == LEVELS[flavour]
    assert found.model == server.model_name
    assert found.echoes == (flavour == "llama.cpp" and found.continuation is not None)
    assert found.sampler_fields == (flavour not in ("transformers", "openai"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("flavour", CONTINUING)
def test_a_branch_goes_on_where_it_stands(flavour: str, stream: bool) -> None:
    async def run(endpoint: HttpEndpoint) -> tuple[str, list[Completion], TokenUse]:
        use = TokenUse()
        prompt = await endpoint.prompt(MESSAGES)
        text, parts = await to_end(endpoint, prompt, use, stream=stream)
        return text, parts, use

    with StubServer([fresh()], flavour=flavour, key="k" if flavour in KEYED else None) as server:
        text, parts, use = ask(server, run)
    assert text == QUESTION.branches[0].text
    assert [part.tokens for part in parts] == [10, 10, 5]
    assert [part.finish_reason for part in parts] == ["length", "length", "stop"]
    if flavour in ("vllm", "llama.cpp"):
        assert all(part.token_ids is not None and len(part.token_ids) == part.tokens for part in parts)
    assert (use.generated, use.prefilled + use.cached) == (25, server.counts.prefilled + server.counts.cached)
    assert use.cached == (0 if server.flavour.cache_names is None else server.counts.cached)
    assert (use.requests, use.retries, use.cancelled) == (3, 0, 0)
    assert use.cached > 0 or flavour in ("ollama", "transformers") or flavour in KEYED


@pytest.mark.parametrize("flavour", CONTINUING)
def test_a_probe_shows_the_answer_at_the_depth_of_the_branch(flavour: str) -> None:
    async def run(endpoint: HttpEndpoint) -> list[str]:
        prompt, use, passage, seen = await endpoint.prompt(MESSAGES), TokenUse(), Passage(), []
        for _ in range(2):
            passage = passage.then(
                await endpoint.generate(prompt, passage, max_tokens=10, sampling=Sampling(), use=use, seed=7)
            )
            probe = await endpoint.generate(prompt, passage, max_tokens=8, sampling=GREEDY, use=use, suffix=SUFFIX)
            seen.append(probe.text)
        return seen

    with StubServer([fresh()], flavour=flavour, key="k" if flavour in KEYED else None) as server:
        assert ask(server, run) == ["41}", "42}"]
        assert server.paths["/tokenize"] <= 6, "the suffix is tokenised once"


@pytest.mark.parametrize("flavour", ["transformers", "openai"])
def test_a_server_that_cannot_continue_runs_a_branch_to_its_end(flavour: str) -> None:
    async def run(endpoint: HttpEndpoint) -> Completion:
        prompt = await endpoint.prompt(MESSAGES)
        whole = await endpoint.generate(prompt, Passage(), max_tokens=None, sampling=Sampling(), use=TokenUse())
        with pytest.raises(RequestLost, match="cannot continue"):
            await endpoint.generate(prompt, Passage("x"), max_tokens=9, sampling=Sampling(), use=TokenUse())
        return whole

    with StubServer([fresh()], flavour=flavour, key="k" if flavour in KEYED else None) as server:
        whole = ask(server, run)
    assert (whole.text, whole.ended, whole.tokens) == (QUESTION.branches[0].text, True, 25)


@pytest.mark.parametrize("flavour", ["vllm", "llama.cpp", "deepseek"])
@pytest.mark.parametrize("stream", [False, True])
def test_log_probabilities_and_entropies_come_for_each_token(flavour: str, stream: bool) -> None:
    async def run(endpoint: HttpEndpoint) -> Completion:
        prompt = await endpoint.prompt(MESSAGES)
        return await endpoint.generate(
            prompt, Passage(), max_tokens=10, sampling=Sampling(), use=TokenUse(), seed=7, stream=stream
        )

    with StubServer([fresh()], flavour=flavour, key="k" if flavour in KEYED else None) as server:
        done = ask(server, run, alternatives=5)
    assert done.logprobs is not None and done.entropies is not None and done.token_texts is not None
    assert len(done.logprobs) == len(done.entropies) == len(done.token_texts) == 10
    assert "".join(done.token_texts) == done.text
    assert all(value < 0 for value in done.logprobs) and all(value > 0 for value in done.entropies)


@pytest.mark.parametrize("flavour", [*CONTINUING, "openai"])
def test_a_full_context_ends_the_branch(flavour: str) -> None:
    async def run(endpoint: HttpEndpoint) -> list[Completion]:
        prompt, use = await endpoint.prompt(MESSAGES), TokenUse()
        delta = None if endpoint.level == "width only" else 10
        _, parts = await to_end(endpoint, prompt, use, delta)  # type: ignore[arg-type]
        return parts

    with StubServer([fresh()], flavour=flavour, context=28, key="k" if flavour in KEYED else None) as server:
        parts = ask(server, run)
    assert parts[-1].ended and parts[-1].finish_reason == "context full"
    assert sum(part.tokens for part in parts) < 25


def test_text_that_arrives_is_passed_on_without_the_echo() -> None:
    async def run(endpoint: HttpEndpoint) -> list[str]:
        chat = endpoint.capabilities.model_copy(
            update={"completions": False, "continuation": "final message", "echoes": True}
        )
        again = await connect(server.base_url, None, capabilities=chat)
        pieces: list[str] = []
        first = Passage(QUESTION.branches[0].text[:10], None)
        await again.generate(
            Prompt(tuple(MESSAGES)), first, max_tokens=9, sampling=Sampling(), use=TokenUse(), on_text=pieces.append
        )
        await again.close()
        return pieces

    with StubServer([fresh()], flavour="llama.cpp") as server:
        pieces = ask(server, run)
    assert QUESTION.branches[0].text.startswith(QUESTION.branches[0].text[:10] + "".join(pieces))


def test_bad_addresses_keys_and_models_are_one_line() -> None:
    def message(url: str, model: str | None = None, key: str | None = None) -> str:
        limits = RetryLimits(deadline=0.01, connect=1.0)
        with pytest.raises(InputError) as caught:
            asyncio.run(connect(url, model, key, limits=limits))
        assert "\n" not in str(caught.value)
        return str(caught.value)

    with StubServer([fresh()], flavour="openai", key="right") as server:
        assert "not an address" in message("nonsense")
        assert "401" in message(server.base_url, key="wrong-key-123456") and "wrong-key" not in message(
            server.base_url, key="wrong-key-123456"
        )
        assert "has no model other" in message(server.base_url, "other", "right")
        assert "secret" not in message("http://user:secret@127.0.0.1:9/v1")
        nobody = server.base_url
    assert "no connection" in message(nobody)


def test_saved_capabilities_ask_nothing() -> None:
    with StubServer([fresh()]) as server:
        found = ask(server, lambda endpoint: asyncio.sleep(0, endpoint.capabilities.model_dump_json()))
        server.paths.clear()
        ask(server, lambda endpoint: asyncio.sleep(0), capabilities=Capabilities.model_validate_json(found))
        assert not server.paths


def test_a_missing_usage_is_counted_and_said(caplog: pytest.LogCaptureFixture) -> None:
    async def run(endpoint: HttpEndpoint) -> TokenUse:
        use = TokenUse()
        prompt = await endpoint.prompt(MESSAGES)
        await endpoint.generate(prompt, Passage(), max_tokens=10, sampling=Sampling(), use=use, seed=7)
        return use

    with StubServer([fresh()], flavour="vllm", usage=False) as server, caplog.at_level(logging.WARNING):
        use = ask(server, run)
    assert (use.generated, use.prefilled) == (10, server.counts.prefilled + server.counts.cached)
    assert "reports no usage" in caplog.text
