"""A service on loopback that speaks chat completions: streaming, tools, a count with cached tokens, and faults.

It is the stub of the Messages API in other clothes: the same scripts and faults, the same bills.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from .accounting import CHARACTERS, SMALLEST, tokens
from .faults import STREAMS, Fault, Faults, never
from .messages_api import KEY, Script, Stub, _Handler
from .messages_stream import FIELDS, Plan, Refused, _cut, _pieces, garbled

STATUSES: dict[str, tuple[int, str | None, str, str]] = {
    "overloaded": (503, None, "server_error", "The engine is currently overloaded"),
    "rate_limited": (429, "rate_limit_exceeded", "requests", "Rate limit reached"),
    "server_error": (500, None, "server_error", "The server had an error"),
    "prompt_too_long": (400, "context_length_exceeded", "invalid_request_error", "This model's maximum context ..."),
    "too_large": (413, None, "invalid_request_error", "Payload too large"),
}


class ChatStub(Stub):
    """The service: see `Stub`. `url` is what OPENAI_BASE_URL should be.

    Args:
        key: the only key that it takes; None takes any, as a server of one's own does.
        counts: whether it counts tokens, as not every server does.
    """

    def __init__(
        self, script: Script, faults: Faults = never, state: Path | None = None, key: str | None = KEY,
        counts: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(script, faults, state)
        self.key, self.counts = key, counts
        self.keys: set[str] = set()
        self._known: set[str] = set()
        self._server.RequestHandlerClass = type("Bound", (_ChatHandler,), {"stub": self})
        self.url += "/v1"

    def _new_plan(self, request: str, body: dict[str, Any]) -> Plan:
        try:
            _check(body)
        except Refused as refused:
            return _error(refused.args[0], None, "invalid_request_error", refused.args[1])
        other = as_messages(body)
        fault = self.faults(request, other)
        if fault is not None and fault.kind in STATUSES:
            return _error(*STATUSES[fault.kind])
        if fault is not None and fault.kind == "reset":
            return Plan(0, {}, [], "reset")
        blocks, stop = garbled(self.script(other), fault)
        made = list(_chunks(request, body, blocks, stop, fault))
        usage = {**self._charge(body), "output": max(1, tokens(json.dumps(blocks)))}
        return _plan(made, usage, tokens(json.dumps(body, ensure_ascii=False)), fault, self.counts)

    def _charge(self, body: Mapping[str, Any]) -> dict[str, int]:
        """Return the tokens that are new, written to the cache, and read from it."""
        parts = [json.dumps(body.get("tools", [])), *(json.dumps(m, ensure_ascii=False) for m in body["messages"])]
        digest, length, read, new = hashlib.sha256(), 0, 0, []
        for part in parts:
            digest.update(part.encode("utf-8", "replace"))
            length += len(part)
            if digest.hexdigest() in self._known and tokens("x" * length) >= SMALLEST:
                read = length // CHARACTERS
            new.append(digest.hexdigest())
        self._known |= set(new)
        total = length // CHARACTERS
        write = total - read if total >= SMALLEST else 0
        return {"input": total - read - write, "cache_write": write, "cache_read": read}


class _ChatHandler(_Handler):
    stub: ChatStub

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        key = (self.headers["authorization"] or "").removeprefix("Bearer ")
        self.stub.keys.add(key)
        if self.stub.key is not None and key != self.stub.key:
            plan = _error(401, "invalid_api_key", "invalid_request_error", f"Incorrect API key provided: {key}")
        elif self.path != "/v1/chat/completions" or not self.headers["idempotency-key"]:
            plan = _error(404, None, "invalid_request_error", "no such path, or no Idempotency-Key")
        else:
            plan = self.stub.plan(self.headers["idempotency-key"], raw)
        with suppress(OSError):  # the client may have gone
            self._send(plan)


def as_messages(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a request as scripts know it: that of the Messages API."""
    messages: list[dict[str, Any]] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            block = {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}
            if messages[-1]["role"] != "user":
                messages.append({"role": "user", "content": []})
            messages[-1]["content"].append(block)
        elif message["role"] != "system":
            said = [{"type": "text", "text": message["content"]}] if message["content"] else []
            messages.append({"role": message["role"], "content": [*said, *map(_use, message.get("tool_calls", []))]})
    tools = [tool["function"] for tool in body.get("tools", [])]
    return {"model": body["model"], "messages": messages, "tools": tools}


def _use(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": json.loads(function["arguments"])}


def _check(body: Mapping[str, Any]) -> None:
    """Refuse what such an endpoint would, and what models' templates do not take."""
    if not body.get("stream") or not body["stream_options"]["include_usage"]:
        raise Refused(400, "this stub only streams, and counts")
    roles = [message["role"] for message in body["messages"]]
    if roles[:2] != ["system", "user"] or "system" in roles[1:]:
        raise Refused(400, f"roles: {roles}")
    waiting: list[str] = []
    for before, message in zip([None, *body["messages"]], body["messages"], strict=False):
        if message["role"] == "tool":
            if not waiting or message["tool_call_id"] != waiting.pop(0):
                raise Refused(400, "a tool message must answer the calls before it, in their order")
        elif waiting:
            raise Refused(400, f"tool calls without an answer: {waiting}")
        if before is not None and before["role"] == message["role"] and message["role"] != "tool":
            raise Refused(400, "user and assistant must take turns")
        if not message.get("content") and not message.get("tool_calls"):
            raise Refused(400, "an empty message")
        waiting = waiting or [call["id"] for call in message.get("tool_calls", [])]
    if waiting:
        raise Refused(400, f"tool calls without an answer: {waiting}")


def _chunks(
    request: str, body: Mapping[str, Any], blocks: list[dict[str, Any]], stop: str, fault: Fault | None
) -> Iterator[dict[str, Any]]:
    """Yield the chunks of an answer, but for the count."""
    made = f"call_{hashlib.sha256(json.dumps(body).encode()).hexdigest()[:12]}"

    def chunk(delta: dict[str, Any], stop: str | None = None) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": stop}
        head = {"id": f"chatcmpl-{request}", "object": "chat.completion.chunk", "created": 1, "model": body["model"]}
        return {**head, "choices": [choice]}

    yield chunk({"role": "assistant", "content": ""})
    calls = 0
    for block in blocks:
        if block["type"] == "text":
            name = "refusal" if stop == "refusal" else "content"
            yield from (chunk({name: piece}) for piece in _pieces(block["text"]))
            continue
        function = {"name": block["name"], "arguments": ""}
        yield chunk(
            {"tool_calls": [{"index": calls, "id": f"{made}{calls}", "type": "function", "function": function}]}
        )
        written = json.dumps(block["input"])
        written = written[:-1] + ', "unquoted: }' if fault and fault.kind == "malformed_json" else written
        written = written[: max(1, len(written) // 2)] if fault and fault.kind == "cut_short" else written
        for piece in _pieces(written):
            yield chunk({"tool_calls": [{"index": calls, "function": {"arguments": piece}}]})
        calls += 1
    finish = {"tool_use": "tool_calls", "end_turn": "stop", "max_tokens": "length", "refusal": "stop"}[stop]
    yield chunk({}, finish)


def _plan(made: list[dict[str, Any]], usage: dict[str, int], prompt: int, fault: Fault | None, counts: bool) -> Plan:
    """Return what to send, and what it costs: what has left the house, each piece for a token, until the count has."""
    if counts:
        details = {"cached_tokens": usage["cache_read"], "cache_write_tokens": usage["cache_write"]}
        total = usage["input"] + usage["cache_write"] + usage["cache_read"]
        count = {
            "prompt_tokens": total, "completion_tokens": usage["output"], "total_tokens": total + usage["output"],
            "prompt_tokens_details": details,
        }  # fmt: skip
        made = [*made, {**made[0], "choices": [], "usage": count}]
    sent = [*map(_written, made), b"data: [DONE]\n\n"]
    whole, ending = len(sent), "ok"
    if fault is not None and fault.kind in STREAMS:
        ending = fault.kind
        if ending == "cut":
            sent, whole = _cut(sent, int(fault.at * sum(map(len, sent))))
        else:
            whole = int(fault.at * (len(sent) - 2))
            sent = sent[:whole]
        wrong = {"error": {"message": "Overloaded", "type": "server_error", "code": "overloaded"}}
        more = {"error_event": _written(wrong), "not_utf8": b'data: "\xff\xfe"\n\n', "not_json": b"data: {broken\n\n"}
        sent += [more[ending]] if ending in more else []
    left = made[:whole]
    bill = dict.fromkeys(FIELDS, 0)
    if any("usage" in chunk for chunk in left):
        bill = usage
    elif left:
        pieces = [choice["delta"] for chunk in left for choice in chunk["choices"]]
        bill |= {"input": prompt, "output": sum(any(delta.get(k) for k in _COUNTED) for delta in pieces)}
    return Plan(200, {"content-type": "text/event-stream"}, sent, ending, bill)


_COUNTED = ("content", "refusal", "tool_calls")


def _written(chunk: Mapping[str, Any]) -> bytes:
    return f"data: {json.dumps(chunk)}\n\n".encode()


def _error(status: int, code: str | None, kind: str, message: str) -> Plan:
    body = json.dumps({"error": {"message": message, "type": kind, "param": None, "code": code}}).encode()
    headers = {"content-type": "application/json", **({"retry-after": "7"} if status == 429 else {})}
    return Plan(status, headers, [body])
