"""Clients that know nothing of this gateway: openai, LangChain, curl, and Inspect."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError, OpenAI, RateLimitError

from autotts.agent.serve.settings import GatewaySettings

from .running import ASK, RunningGateway

KEY = "key-of-a-client"
ANSWER = "0:25;\\boxed{2}"
MESSAGES: Any = ASK["messages"]


@pytest.fixture(scope="module")
def running() -> Iterator[RunningGateway]:
    with RunningGateway(keys=(KEY,)) as running:
        yield running


@pytest.fixture
def client(running: RunningGateway) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{running.url}/v1", api_key=KEY, max_retries=0) as client:
        yield client


def test_openai_asks_for_an_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="fake", messages=MESSAGES, seed=7, extra_body={"autotts": {"beta": 0.25, "reasoning": True}}
    )
    assert answer.choices[0].message.content == ANSWER and answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None and answer.usage.completion_tokens == 96
    assert answer.model_extra is not None and answer.model_extra["autotts"]["beta"] == 0.25
    assert [model.id for model in client.models.list()] == ["fake"]


def test_openai_reads_a_stream(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="fake", messages=MESSAGES, stream=True, stream_options={"include_usage": True}
        )
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == ANSWER
    assert chunks[-1].usage is not None and chunks[-1].usage.completion_tokens == 96
    with client.chat.completions.stream(model="fake", messages=MESSAGES) as stream:
        assert stream.get_final_completion().choices[0].message.content == ANSWER


def test_openai_asks_in_coroutines(running: RunningGateway) -> None:
    async def ask() -> list[str | None]:
        async with AsyncOpenAI(base_url=f"{running.url}/v1", api_key=KEY) as client:
            asked = [client.chat.completions.create(model="fake", messages=MESSAGES, seed=i) for i in range(8)]
            texts = [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]
            stream = await client.chat.completions.create(model="fake", messages=MESSAGES, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return [*texts, "".join(parts)]

    assert asyncio.run(ask()) == [ANSWER] * 9


def test_openai_raises_its_own_errors(running: RunningGateway, client: OpenAI) -> None:
    with pytest.raises(AuthenticationError, match="no valid key"):
        OpenAI(base_url=f"{running.url}/v1", api_key="wrong", max_retries=0).models.list()
    with pytest.raises(NotFoundError, match="this gateway serves 'fake'") as error:
        client.chat.completions.create(model="other", messages=MESSAGES)
    assert error.value.code == "model_not_found" and error.value.param == "model"
    with pytest.raises(BadRequestError, match="beta"):
        client.chat.completions.create(model="fake", messages=MESSAGES, extra_body={"beta": 7})


def test_openai_is_told_when_to_ask_again() -> None:
    with RunningGateway(settings=GatewaySettings(questions=1, queue=0)) as running:
        ticket = running.within(running.gateway.admission.ticket)
        with OpenAI(base_url=f"{running.url}/v1", api_key="any", max_retries=0) as client:
            with pytest.raises(RateLimitError) as error:
                client.chat.completions.create(model="fake", messages=MESSAGES)
            assert int(error.value.response.headers["retry-after"]) >= 1
            running.within(ticket.leave)
            assert client.chat.completions.create(model="fake", messages=MESSAGES).choices


def test_langchain_asks_and_streams(running: RunningGateway) -> None:
    from langchain_openai import ChatOpenAI

    model = ChatOpenAI(model="fake", base_url=f"{running.url}/v1", api_key=KEY, temperature=0.7)  # type: ignore[arg-type]
    answer = model.invoke("a question")
    assert answer.content == ANSWER and answer.usage_metadata is not None
    assert answer.usage_metadata["output_tokens"] == 96 and answer.response_metadata["finish_reason"] == "stop"
    assert "".join(str(chunk.content) for chunk in model.stream("a question")) == ANSWER
    assert asyncio.run(model.ainvoke("a question")).content == ANSWER


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("stream", [False, True])
def test_curl_asks(running: RunningGateway, stream: bool) -> None:
    line = ["curl", "--silent", "--show-error", "--fail", "--no-buffer", f"{running.url}/v1/chat/completions"]
    headers = ["-H", f"Authorization: Bearer {KEY}", "-H", "Content-Type: application/json"]
    body = json.dumps(ASK | {"stream": stream})
    done = subprocess.run([*line, *headers, "-d", body], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    if stream:
        assert done.stdout.endswith("data: [DONE]\n\n") and done.stdout.count("data: ") == 4
    else:
        assert json.loads(done.stdout)["choices"][0]["message"]["content"] == ANSWER


@pytest.mark.slow
def test_inspect_runs_a_benchmark(running: RunningGateway, tmp_path: Path) -> None:
    """Inspect evaluates the gateway as any OpenAI-compatible model."""
    inspect_ai = pytest.importorskip("inspect_ai")
    from inspect_ai.dataset import Sample
    from inspect_ai.model import get_model
    from inspect_ai.scorer import includes

    task = inspect_ai.Task(
        dataset=[Sample(input=f"question {i}", target="\\boxed{2}" if i % 2 else "\\boxed{9}") for i in range(10)],
        scorer=includes(),
    )
    model = get_model("openai-api/autotts/fake", base_url=f"{running.url}/v1", api_key=KEY)
    [log] = inspect_ai.eval(task, model=model, log_dir=str(tmp_path), display="none")
    assert log.status == "success", log.error
    assert log.results.scores[0].metrics["accuracy"].value == 0.5
    [usage] = log.stats.model_usage.values()
    assert usage.output_tokens == 960
