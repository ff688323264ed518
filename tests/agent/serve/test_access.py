"""Who is let in, what is refused, and that every refusal has the shape of OpenAI's errors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autotts.agent.serve.chat_request import read_request
from autotts.agent.serve.errors import GatewayError
from autotts.agent.serve.gateway_guard import ApiKeys
from autotts.agent.serve.settings import GatewaySettings

from .running import ASK, RunningGateway

CHAT = "/v1/chat/completions"
KEY = "key-of-a-client"


@pytest.fixture(scope="module")
def open_gateway() -> Iterator[RunningGateway]:
    """A gateway that needs no key."""
    with RunningGateway(settings=GatewaySettings(request_bytes=2000, messages=3)) as running:
        yield running


@pytest.fixture(scope="module")
def locked() -> Iterator[RunningGateway]:
    """A gateway that needs a key."""
    with RunningGateway(keys=("another-key", KEY)) as running:
        yield running


def refused(response: httpx.Response, status: int, code: str) -> str:
    """Check the shape of a refusal, and return its message."""
    assert response.status_code == status, response.text
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["code"] == code
    assert "\n" not in error["message"]
    return str(error["message"])


@pytest.mark.parametrize("header", [None, "", KEY, f"Basic {KEY}", "Bearer", "Bearer wrong", f"Bearer {KEY}x"])
@pytest.mark.parametrize("path", [CHAT, "/v1/models", "/metrics"])
def test_a_wrong_key_is_a_401(locked: RunningGateway, path: str, header: str | None) -> None:
    headers = {} if header is None else {"authorization": header}
    method = "POST" if path == CHAT else "GET"
    response = locked.client.request(method, path, headers=headers, json=ASK)
    refused(response, 401, "invalid_api_key")
    assert KEY not in response.text and response.headers["www-authenticate"] == "Bearer"


def test_a_key_lets_in_and_is_never_logged(locked: RunningGateway) -> None:
    headers = {"authorization": f"bearer {KEY}"}
    assert locked.client.post(CHAT, headers=headers, json=ASK).status_code == 200
    assert locked.client.get("/metrics", headers=headers).status_code == 200
    assert KEY not in json.dumps(locked.lines)
    assert [locked.client.get(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]


def test_keys_are_held_as_hashes() -> None:
    keys = ApiKeys([KEY])
    assert keys.admit(f"Bearer {KEY}") and not keys.admit("Bearer \u00fc") and ApiKeys().admit("")
    assert KEY not in repr(vars(keys))


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        (b"{", "invalid_json", "the body of the request is no JSON"),
        (b"[" * 1500, "invalid_json", "the body of the request is no JSON"),
        (b"[]", "invalid_json", "the body of the request is no JSON object"),
        (b"{}", "invalid_value", "messages: Field required"),
        ({"messages": []}, "invalid_value", "messages: List should have at least 1 item after validation, not 0"),
        ({"messages": "hello"}, "invalid_value", "messages: Input should be a valid list"),
        ({"messages": [{"content": "x"}]}, "invalid_value", "messages.0.role: Field required"),
        (
            {"messages": ASK["messages"] * 4} if isinstance(ASK["messages"], list) else {},
            "too_many_messages",
            "4 messages are more than this gateway takes (3)",
        ),
        (ASK | {"beta": 2}, "invalid_value", "beta: Input should be less than or equal to 1"),
        (
            ASK | {"beta": 0.1, "autotts": {"beta": 0.2}},
            "invalid_value",
            "beta and autotts.beta differ; give one of them",
        ),
        (
            ASK | {"max_tokens": 100, "autotts": {"max_tokens": 200}},
            "invalid_value",
            "max_tokens, max_completion_tokens and autotts.max_tokens differ; give one of them",
        ),
        (ASK | {"autotts": {"betta": 0.2}}, "invalid_value", "autotts.betta: Extra inputs are not permitted"),
        (ASK | {"max_tokens": 0}, "invalid_value", "max_tokens: Input should be greater than or equal to 1"),
        (ASK | {"autotts": {"deadline": -1}}, "invalid_value", "autotts.deadline: Input should be greater than 0"),
    ],
)  # fmt: skip
def test_a_wrong_body_is_a_400(open_gateway: RunningGateway, body: Any, code: str, message: str) -> None:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    response = open_gateway.client.post(CHAT, content=raw, headers={"content-type": "application/json"})
    assert refused(response, 400, code) == message


def test_a_large_body_is_a_413(open_gateway: RunningGateway) -> None:
    large = ASK | {"messages": [{"role": "user", "content": "x" * 2000}]}
    message = refused(open_gateway.client.post(CHAT, json=large), 413, "request_too_large")
    assert message == "the body has more than 2,000 bytes"

    def pieces() -> Iterator[bytes]:
        yield from [b"x" * 999] * 3

    response = open_gateway.client.post(CHAT, content=pieces(), headers={"content-type": "application/json"})
    refused(response, 413, "request_too_large")


def test_a_page_elsewhere_cannot_ask(open_gateway: RunningGateway) -> None:
    """A browser sends a form or a text to any address without asking; JSON it sends only where it is allowed."""
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = open_gateway.client.post(CHAT, content=json.dumps(ASK), headers={"content-type": kind})
        refused(response, 415, "unsupported_media_type")
    preflight = open_gateway.client.options(CHAT, headers={"origin": "https://elsewhere"})
    assert preflight.status_code == 405 and not any("access-control" in name for name in preflight.headers)


def test_unknown_paths_methods_and_models_are_errors_in_the_same_shape(open_gateway: RunningGateway) -> None:
    client = open_gateway.client
    refused(client.get("/v1/nothing"), 404, "not_found")
    refused(client.get(CHAT), 405, "method_not_allowed")
    refused(client.get("/v1/models/other/model"), 404, "model_not_found")
    message = refused(open_gateway.ask(model="gpt"), 404, "model_not_found")
    assert message == "no model 'gpt': this gateway serves 'fake'"


def test_models_health_and_metrics(open_gateway: RunningGateway) -> None:
    client = open_gateway.client
    [model] = client.get("/v1/models").json()["data"]
    assert model["id"] == "fake" and client.get("/v1/models/fake").json() == model
    assert client.get("/healthz").text == "ok\n" and client.get("/readyz").text == "ready\n"
    assert open_gateway.ask().status_code == 200
    text = client.get("/metrics").text
    assert 'autotts_episodes_total{controller="first",result="ok"} 1.0' in text
    assert 'autotts_tokens_total{kind="branches"} 96.0' in text and "process_resident_memory_bytes" in text


def test_readiness_says_what_is_missing(open_gateway: RunningGateway) -> None:
    open_gateway.upstream.up = open_gateway.workers.ready = False
    response = open_gateway.client.get("/readyz")
    assert (response.status_code, response.text) == (503, "no worker of the controller is ready\n")
    open_gateway.workers.ready = True
    assert open_gateway.client.get("/readyz").text == "the server of the model does not answer\n"
    open_gateway.upstream.up = True
    assert open_gateway.client.get("/readyz").status_code == 200


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = (
    "model",
    "messages",
    "stream",
    "n",
    "max_tokens",
    "stop",
    "tools",
    "response_format",
    "beta",
    "autotts",
    "seed",
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON))
def test_any_body_is_read_or_refused(fields: dict[str, Any]) -> None:
    messages = [{"role": "user", "content": "x"}]
    try:
        read_request(json.dumps({"messages": messages} | fields).encode(), 10)
    except GatewayError as error:
        assert error.status == 400 and error.body["error"]["message"]
