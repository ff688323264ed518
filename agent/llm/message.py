"""Assembles an answer of the Messages API from the events of its stream."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .chat import PendingRequest, Reply, ToolCall, strict_json
from .failures import CallFailure, FailureKind
from .prices import Usage
from .transcript import clean


class MessageAssembler:
    """Assembles an answer from its events; the tokens counted so far go into ``pending.usage``."""

    def __init__(self, pending: PendingRequest) -> None:
        self.ended = False
        self._pending = pending
        self._blocks: list[dict[str, Any]] = []
        self._json: dict[int, list[str]] = {}
        self._stop: str | None = None

    def take(self, event: Any) -> None:
        """Add an event.

        Raises:
            CallFailure: the event is invalid.
        """
        try:
            self._take(event)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise CallFailure("cut_stream", f"invalid event in the stream ({type(error).__name__})") from None

    def _take(self, event: Any) -> None:
        if event.type == "message_start":
            usage = event.message.usage
            self._pending.usage = Usage(
                input=usage.input_tokens, cache_write=usage.cache_creation_input_tokens or 0,
                cache_read=usage.cache_read_input_tokens or 0,
            )  # fmt: skip
        elif event.type == "content_block_start":
            self._blocks.append(event.content_block.to_dict(mode="json"))
        elif event.type == "content_block_delta":
            # the service reports usage at the end: until then, each delta counts one token
            self._pending.usage += Usage(output=1)
            self._add(event.index, event.delta)
        elif event.type == "message_delta":
            self._stop = event.delta.stop_reason
            self._count(event.usage)
        elif event.type == "message_stop":
            self.ended = True

    def _add(self, index: int, delta: Any) -> None:
        block = self._blocks[index]
        if delta.type == "text_delta":
            block["text"] += delta.text
        elif delta.type == "input_json_delta":
            self._json.setdefault(index, []).append(delta.partial_json)
        elif delta.type == "thinking_delta":
            block["thinking"] += delta.thinking
        elif delta.type == "signature_delta":
            block["signature"] = delta.signature
        elif delta.type == "citations_delta":
            block["citations"] = [*(block.get("citations") or []), delta.citation.to_dict(mode="json")]

    def _count(self, usage: Any) -> None:
        """Take the final usage; fields that it leaves out keep their initial values."""
        counts = {
            "input": usage.input_tokens, "cache_write": usage.cache_creation_input_tokens,
            "cache_read": usage.cache_read_input_tokens, "output": usage.output_tokens,
        }  # fmt: skip
        given = {name: count for name, count in counts.items() if count is not None}
        self._pending.usage = Usage(**(self._pending.usage.model_dump() | given))

    def reply(self) -> Reply:
        """Return the answer.

        Raises:
            CallFailure: the answer is unusable.
        """
        if self._stop == "refusal":
            raise CallFailure("refused", "the model refused to answer")
        long = self._stop in ("max_tokens", "model_context_window_exceeded")
        calls = []
        for index, block in enumerate(self._blocks):
            if block["type"] == "tool_use":
                block["input"] = self._input(index, block, long)
                calls.append(ToolCall(id=block["id"], name=block["name"], arguments=json.dumps(_pure(block["input"]))))
        text = "\n".join(block["text"] for block in self._blocks if block["type"] == "text" and not is_blank(block))
        if not calls and not text:
            if self._stop == "model_context_window_exceeded":
                raise CallFailure("context_too_long", "the conversation fills the model's context")
            raise CallFailure("cut_short" if long else "empty", "an answer without text and without a tool call")
        return Reply(
            text=clean(text), tool_calls=tuple(calls), stop="length" if long else "tools" if calls else "end",
            usage=self._pending.usage, raw=tuple(_pure(block) for block in self._blocks),
        )  # fmt: skip

    def _input(self, index: int, block: Mapping[str, Any], long: bool) -> dict[str, Any]:
        written = "".join(self._json.get(index, []))
        given = strict_json(written) if written else block["input"]
        if not isinstance(given, dict):
            kind: FailureKind = "cut_short" if long else "malformed_tool_call"
            raise CallFailure(kind, f"the arguments of {block['name']} are not a JSON object")
        return given


def _pure(value: Any) -> Any:
    """Return ``value`` as plain JSON without lone surrogates, which cannot be stored or sent."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(key): _pure(item) for key, item in value.items()}
    return [_pure(item) for item in value] if isinstance(value, list) else value


def is_blank(block: Mapping[str, Any]) -> bool:
    """Return whether ``block`` is an empty text block: the API sends such blocks but rejects them in requests."""
    return block.get("type") == "text" and not str(block.get("text", "")).strip()
