"""What the stub of the Messages API sends for an answer, event by event, and what it takes."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .accounting import CHARACTERS, without_marks
from .faults import STREAMS, Fault

FIELDS = ("input", "cache_write", "cache_read", "output")


class Refused(Exception):
    """The request is not what the API takes: status, type, message."""


@dataclass
class Plan:
    """What is sent for one request id, however often it comes, and what it costs."""

    status: int
    headers: dict[str, str]
    events: list[bytes]
    ending: str = "ok"
    billed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(FIELDS, 0))


class Stream:
    """The events of one answer."""

    def __init__(
        self, request: str, body: Mapping[str, Any], blocks: list[dict[str, Any]], stop: str, usage: dict[str, int],
        fault: Fault | None,
    ) -> None:  # fmt: skip
        self._usage = usage
        self.output = max(1, sum(len(json.dumps(block, ensure_ascii=False)) for block in blocks) // CHARACTERS)
        counts = {
            "input_tokens": usage["input"], "cache_creation_input_tokens": usage["cache_write"],
            "cache_read_input_tokens": usage["cache_read"], "output_tokens": 1,
        }  # fmt: skip
        message = {
            "id": f"msg_{_digest(request)}", "type": "message", "role": "assistant", "model": body["model"],
            "content": [], "stop_reason": None, "stop_sequence": None, "usage": counts,
        }  # fmt: skip
        self.events: list[dict[str, Any]] = [{"type": "message_start", "message": message}, {"type": "ping"}]
        for index, block in enumerate(blocks):
            self._add(index, block, f"toolu_{_digest(json.dumps(body))}{index}", fault)
        self.events.append(
            {
                "type": "message_delta",
                "delta": {"stop_reason": stop, "stop_sequence": None},
                "usage": {"output_tokens": self.output},
            }
        )
        self.events.append({"type": "message_stop"})

    def _add(self, index: int, block: dict[str, Any], name: str, fault: Fault | None) -> None:
        """Add a block: empty at its start, then in pieces."""
        if block["type"] == "tool_use":
            start: dict[str, Any] = {"type": "tool_use", "id": name, "name": block["name"], "input": {}}
            written = json.dumps(block["input"], ensure_ascii=fault is None)
            if fault is not None and fault.kind == "malformed_json":
                written = written[:-1] + ', "unquoted: }'
            if fault is not None and fault.kind == "cut_short":
                written = written[: max(1, len(written) // 2)]
            deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", *_pieces(written))]
        elif block["type"] == "thinking":
            start = {"type": "thinking", "thinking": "", "signature": ""}
            deltas = [{"type": "thinking_delta", "thinking": piece} for piece in _pieces(block["thinking"])]
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        else:
            start = {"type": "text", "text": ""}
            deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(block["text"])]
        self.events.append({"type": "content_block_start", "index": index, "content_block": start})
        self.events += [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
        self.events.append({"type": "content_block_stop", "index": index})

    def plan(self, fault: Fault | None) -> Plan:
        """Return what to send of it, and what that costs: what has left the house, each piece for a token."""
        sent, ending = [_written(event) for event in self.events], "ok"
        whole = len(sent)
        if fault is not None and fault.kind in STREAMS:
            ending = fault.kind
            if ending == "cut":
                sent, whole = _cut(sent, int(fault.at * sum(map(len, sent))))
            else:
                whole = int(fault.at * (len(sent) - 2))
                sent = sent[:whole]
            wrong = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
            more = {"error_event": _written(wrong), "not_utf8": b'event: ping\ndata: "\xff\xfe"\n\n'}
            more["not_json"] = b"event: message_delta\ndata: {broken\n\n"
            sent += [more[ending]] if ending in more else []
        kinds = [event["type"] for event in self.events[:whole]]
        bill = {**self._usage, "output": kinds.count("content_block_delta")} if whole else dict.fromkeys(FIELDS, 0)
        if "message_delta" in kinds:
            bill["output"] = self.output
        return Plan(200, {"content-type": "text/event-stream; charset=utf-8"}, sent, ending, bill)


def _cut(events: list[bytes], length: int) -> tuple[list[bytes], int]:
    """Return the first ``length`` bytes, event by event, and how many events are whole."""
    sent: list[bytes] = []
    for number, event in enumerate(events):
        if length < len(event):
            return [*sent, event[:length]], number
        sent.append(event)
        length -= len(event)
    return sent, len(sent)


def _written(event: Mapping[str, Any]) -> bytes:
    return f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()


def _pieces(text: str) -> list[str]:
    size = max(60, len(text) // 40)
    return [text[i : i + size] for i in range(0, len(text), size)]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def error_plan(status: int, kind: str, message: str) -> Plan:
    body = json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
    headers = {"content-type": "application/json", **({"retry-after": "7"} if status == 429 else {})}
    return Plan(status, headers, [body])


def garbled(blocks: list[dict[str, Any]], fault: Fault | None) -> tuple[list[dict[str, Any]], str]:
    """Return the blocks and the stop reason of an answer, made useless if that is what goes wrong."""
    stop = "tool_use" if any(block["type"] == "tool_use" for block in blocks) else "end_turn"
    kind = fault.kind if fault else ""
    if kind == "refusal":
        return [{"type": "text", "text": "I cannot help with that."}], "refusal"
    if kind == "empty":
        return [], "end_turn"
    if kind == "no_tool":
        return [{"type": "text", "text": "Let me think about what to do next."}], "end_turn"
    if kind == "cut_short":
        return blocks, "max_tokens"
    if fault is not None and kind in ("no_code", "broken_code"):  # no two are alike, or it would be the same call again
        source = "" if kind == "no_code" else f"def solve(question, {fault.at}:"
        given = {"source": source, "rationale": f"What I would do: {fault.at}"}
        return [{"type": "tool_use", "name": "submit", "input": given}], "tool_use"
    return blocks, stop


# Thinking: its signature covers the rest of the answer, so that no part of it can be changed


def thinking(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    thought = f"What do we know, and what follows? {_digest(json.dumps(blocks))} \u2192 a tool."
    return {"type": "thinking", "thinking": thought, "signature": _signature(thought, blocks)}


def _signature(thought: str, blocks: list[dict[str, Any]]) -> str:
    rest = [{key: value for key, value in without_marks(block).items() if key != "id"} for block in blocks]
    signed = json.dumps([thought, rest], sort_keys=True).encode()
    return hmac.new(b"the stub's own", signed, "sha256").hexdigest()


def check(body: Mapping[str, Any]) -> None:
    """Refuse what the API would."""

    def refuse(message: str) -> None:
        raise Refused(400, "invalid_request_error", message)

    if not str(body.get("model", "")).startswith("claude-"):
        raise Refused(404, "not_found_error", f"model: {body.get('model')}")
    open_calls: list[str] = []
    for number, message in enumerate(body["messages"]):
        if message["role"] != ("user", "assistant")[number % 2] or not message["content"]:
            refuse(f"messages.{number}: roles must take turns, and content must not be empty")
        blocks = message["content"]
        answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        if message["role"] == "user" and answered != open_calls:
            refuse(f"messages.{number}: tool_use ids were found without tool_result blocks immediately after")
        if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            refuse(f"messages.{number}: text content blocks must contain non-whitespace text")
        if message["role"] == "assistant":
            open_calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
            thoughts = [block for block in blocks if block["type"] == "thinking"]
            rest = [block for block in blocks if block["type"] != "thinking"]
            if "thinking" in body and open_calls and blocks[0]["type"] != "thinking":
                refuse(f"messages.{number}: expected `thinking`, but found `{blocks[0]['type']}`")
            if any(not hmac.compare_digest(t["signature"], _signature(t["thinking"], rest)) for t in thoughts):
                refuse(f"messages.{number}: invalid `signature` in `thinking` block")
