"""Requests that cannot be voted on pass through to the model's own server, and are counted by reason."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from .running import ASK, RunningGateway

TOOL = {"type": "function", "function": {"name": "f", "parameters": {}}}
IMAGE = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}
CALL = {"role": "assistant", "content": None, "tool_calls": [{"id": "1"}]}
REASONS: list[tuple[str, dict[str, Any]]] = [
    ("tools", {"tools": [TOOL]}),
    ("tools", {"messages": [*ASK["messages"], CALL, {"role": "tool", "content": "1", "tool_call_id": "1"}]}),
    ("response_format", {"response_format": {"type": "json_object"}}),
    ("response_format", {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}}),
    ("n", {"n": 3}),
    ("logprobs", {"logprobs": True, "top_logprobs": 2}),
    ("content", {"messages": [IMAGE]}),
    ("content", {"messages": [{"role": "ipython", "content": "x"}, *ASK["messages"]]}),
    ("assistant_prefix", {"messages": [*ASK["messages"], {"role": "assistant", "content": "The answer"}]}),
    ("max_tokens", {"max_tokens": 9}),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("reason", "fields"), REASONS)
def test_the_request_passes_as_it_came(reason: str, fields: dict[str, Any], stream: bool) -> None:
    sent = fields | {"unknown": {"kept": 1}, "beta": 0.5, "autotts": {"reasoning": True}}
    if stream:
        sent["stream"] = True
    with RunningGateway() as running:
        response = running.ask(**sent)
        running.wait(running.idle)
        assert running.metric("pass_through_total", reason=reason) == 1
    assert response.status_code == 200 and response.headers["x-autotts-pass-through"] == reason
    assert "passed" in response.text and response.text.endswith("[DONE]\n\n") == stream
    [body] = running.upstream.bodies
    assert body == ASK | {name: value for name, value in sent.items() if name not in ("beta", "autotts")}
    assert running.upstream.headers[0]["authorization"] == "Bearer a-secret-key"
    assert running.lines[0]["reason"] == reason and running.source.episodes == []


def test_texts_in_parts_and_a_plain_format_need_not_pass() -> None:
    parts = {"role": "developer", "content": [{"type": "text", "text": "be"}, {"type": "text", "text": "brief"}]}
    with RunningGateway() as running:
        answer = running.ask(messages=[parts, *ASK["messages"]], response_format={"type": "text"}, n=1, logprobs=False)
    assert answer.json()["autotts"]["answer"] == "2"
    prompt = running.source.episodes[0].prompt
    assert prompt.messages[0] == {"role": "system", "content": "be\nbrief"}


def test_an_error_of_the_model_reaches_the_client() -> None:
    error = {"error": {"message": "no tools here", "type": "invalid_request_error", "param": None, "code": None}}
    with RunningGateway() as running:
        running.upstream.answer = lambda body: httpx.Response(400, json=error, headers={"x-request-id": "7"})
        response = running.ask(tools=[TOOL])
    assert response.status_code == 400 and response.json() == error and response.headers["x-request-id"] == "7"


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_that_is_away_is_a_502(stream: bool) -> None:
    with RunningGateway() as running:
        running.upstream.up = False
        response = running.ask(tools=[TOOL], stream=stream)
        running.wait(running.idle)
    assert response.status_code == 502 and response.json()["error"]["code"] == "model_unavailable"


def test_an_episode_without_text_needs_a_completion_of_the_model() -> None:
    from .running import ScriptedWorkers
    from .test_answers import no_branch

    with RunningGateway(workers=ScriptedWorkers(no_branch)) as running:
        running.upstream.answer = lambda body: httpx.Response(200, text="not JSON")
        response = running.ask()
        running.wait(running.idle)
    assert response.status_code == 502
    assert response.json()["error"]["message"] == "the model's server answered 200, and no chat completion"
