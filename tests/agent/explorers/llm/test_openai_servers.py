"""The explorer `openai` and self-hosted servers, which may leave out fields or send wrong ones."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openai")

from autotts.agent.explorers.llm.openai import OpenAIModel
from autotts.agent.llm.calls import RetryPolicy, read_calls
from autotts.agent.llm.failures import AuthError, RequestRefused, ServiceDown
from autotts.agent.llm.session import SessionLimits

from ....stubs.conversations import brief
from .test_openai import Scene, explorer, same_as_server


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    return Scene(tmp_path, monkeypatch)


def test_free_server_without_key_and_without_usage(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    prices = scene.home / "prices.json"
    prices.write_text('{"qwen3:8b": {"input": 0, "cache_write": 0, "cache_read": 0, "output": 0}}')
    with scene.stub(key=None, counts=False) as stub:
        monkeypatch.delenv("OPENAI_API_KEY")
        of = scene.calls(stub, prices=prices)
        assert explorer(of, model="qwen3:8b")[0].propose(brief())
        same_as_server(of.budget.spent(), stub, "qwen3:8b", prices)
    assert stub.keys == {"no-key"} and of.budget.spent().usage.output > 40 and of.budget.spent().dollars == 0
    assert "max_completion_tokens" not in stub.requests[0]


def test_server_without_a_price_is_asked_and_its_tokens_are_counted(scene: Scene) -> None:
    with scene.stub(key=None, counts=False) as stub:
        of = scene.calls(stub)
        assert explorer(of, model="qwen3:8b")[0].propose(brief())
    spent = of.budget.spent()
    assert spent.dollars == 0 and spent.usage.output > 0 and spent.unpriced == spent.calls > 0
    assert "max_completion_tokens" not in stub.requests[0]


@contextmanager
def serving(*answers: tuple[int, str, bytes]) -> Iterator[str]:
    """Yield the URL of an endpoint that gives these answers (status, content type, body) and repeats the last one."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            status, kind, body = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        server.shutdown()


def chunks(*deltas: Mapping[str, Any], stop: str | None = "tool_calls") -> bytes:
    """Return a stream with the fewest fields that a server can send."""
    parts: list[dict[str, Any]] = [{"choices": [{"delta": delta}]} for delta in deltas]
    parts += [{"choices": [{"delta": {}, "finish_reason": stop}]}] if stop else []
    return b"".join(f"data: {json.dumps(one)}\n\n".encode() for one in parts)


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"index": 0, "function": {"name": name, "arguments": json.dumps(arguments)}}


@pytest.mark.parametrize("answer", [(200, "text/html", b"<html>"), (200, "application/json", b'{"choices": []}')])
def test_endpoint_that_does_not_stream_is_refused(scene: Scene, answer: tuple[int, str, bytes]) -> None:
    with serving(answer) as url:
        scene.at(url)
        with pytest.raises(RequestRefused, match=r"does not stream.*OPENAI_BASE_URL"):
            explorer(scene.calls())[0].propose(brief())


def test_error_for_a_wrong_path_names_the_endpoint(scene: Scene) -> None:
    with scene.stub() as stub:
        scene.at(stub.url.removesuffix("/v1"))
        with pytest.raises(RequestRefused, match=r"404.*ends in /v1"):
            explorer(scene.calls(stub))[0].propose(brief())


def test_servers_may_leave_out_ids_and_indices(scene: Scene) -> None:
    """No ids, index 0 for every call, reasoning under another name, and a signature that must be sent back."""
    one, two = call("list_versions"), call("findings", version="a")
    signed = {**one, "id": "a", "extra_content": {"signature": "s"}}
    submit = call("submit", source="class A(Controller)", rationale="It is short.")
    answers = (
        chunks({"reasoning_content": "Hm. "}, {"reasoning_content": "Let me look."}, {"tool_calls": [signed]},
               {"tool_calls": [{**two, "id": "b"}]}),
        chunks({"tool_calls": [two]}, stop="stop"),
        chunks({"tool_calls": [submit]}),
    )  # fmt: skip
    sent: list[Any] = []
    with serving(*((200, "text/event-stream", answer) for answer in answers)) as url:
        scene.at(url)
        asked, tools = explorer(scene.calls())
        body = OpenAIModel.body

        def watched(self: OpenAIModel, *given: Any) -> dict[str, Any]:
            sent.append(body(self, *given))
            return sent[-1]

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(OpenAIModel, "body", watched)
            (proposal,) = asked.propose(brief())
    assert [name for name, _ in tools[0].made] == ["list_versions", "findings", "findings", "submit"]
    first, second = (message for message in sent[-1]["messages"] if message["role"] == "assistant")
    assert first["reasoning_content"] == "Hm. Let me look." and first["content"] is None
    assert [c["id"] for c in first["tool_calls"]] == ["a", "b"]
    assert first["tool_calls"][0]["extra_content"] == {"signature": "s"}
    assert second["tool_calls"][0]["id"].startswith("g001-propose-0-001-")
    assert proposal.cost.output_tokens == 6


def test_endless_answer_is_abandoned(scene: Scene) -> None:
    endless = chunks(*[{"content": "again "}] * 120, stop=None)
    with serving((200, "text/event-stream", endless)) as url, pytest.MonkeyPatch.context() as patched:
        scene.at(url)
        patched.setattr("autotts.agent.explorers.llm.openai.MAX_TOKENS", 100)
        of = scene.calls()
        assert explorer(of, SessionLimits(useless=1))[0].propose(brief()) == []
    assert [a.outcome for c in read_calls(of.home) for a in c.attempts] == ["cut_short"]


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, {"code": "insufficient_quota", "message": "You exceeded your current quota"}, AuthError),
        (404, {"code": "model_not_found", "message": "no such model"}, RequestRefused),
        (422, {"message": "unknown field"}, RequestRefused),
        (403, {"message": "not your region"}, AuthError),
    ],
)
def test_errors_that_only_the_user_can_fix_end_the_run(
    scene: Scene, status: int, error: dict[str, str], kind: type[Exception]
) -> None:
    with serving((status, "application/json", json.dumps({"error": error}).encode())) as url:
        scene.at(url)
        with pytest.raises(kind, match=error["message"]):
            explorer(scene.calls())[0].propose(brief())


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error": {"message": "maximum context length is 4096 tokens"}}', "context_too_long"),
        (400, b'{"object": "error", "message": "the prompt is too long", "code": 400}', "context_too_long"),
        (400, b'{"error": {"code": "content_filter", "message": "filtered"}}', "refused"),
        (502, b"<html>bad gateway</html>", "server_error"),
        (504, b"", "timeout"),
        (529, b"[1]", "overloaded"),
        (200, b'data: {"error": {"message": "no capacity", "code": 502}}\n\n', "server_error"),
        (200, b'data: {"error": {"message": "context length exceeded", "code": 400}}\n\n', "context_too_long"),
        (200, b'data: {"choices": 3}\n\n', "cut_stream"),
        (200, b"data: [1]\n\n", "cut_stream"),
        (200, b"", "cut_stream"),
    ],
)
def test_each_error_has_its_kind(scene: Scene, status: int, body: bytes, kind: str) -> None:
    submitted = chunks({"tool_calls": [call("submit", source="class A(Controller)", rationale="Short.")]})
    stream = "text/event-stream"
    with serving((status, stream if status == 200 else "application/json", body), (200, stream, submitted)) as url:
        scene.at(url)
        of = scene.calls()
        proposals = explorer(of)[0].propose(brief())
    outcomes = [a.outcome for c in read_calls(of.home) for a in c.attempts]
    assert outcomes[0] == kind and (proposals or kind == "context_too_long")


def test_unreachable_endpoint(scene: Scene) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), BaseHTTPRequestHandler, bind_and_activate=False) as closed:
        closed.server_bind()  # bound, but not listening
        scene.at(f"http://127.0.0.1:{closed.server_address[1]}/v1")
        of = scene.calls(retries=RetryPolicy(deadline=36))
        with pytest.raises(ServiceDown, match=r"no answer within 0\.01 h"):
            explorer(of)[0].propose(brief())
    assert read_calls(of.home)[0].attempts[0].outcome == "network"
