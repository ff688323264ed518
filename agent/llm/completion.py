"""Assembles an answer of a chat-completions endpoint from the chunks of its stream.

Servers may leave out the usage, an index or a call's id. Missing values are replaced.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .chat import PendingRequest, Reply, ToolCall, strict_json
from .failures import CallFailure, FailureKind
from .prices import CHARACTERS_PER_TOKEN, Usage
from .transcript import clean

_THOUGHTS = ("reasoning_content", "reasoning")
"""Fields in which servers send the model's reasoning. Some servers require it back with the tool calls."""


@dataclass
class _PartialToolCall:
    """A tool call, as received so far."""

    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the call (such as a signature of the reasoning), sent back unchanged."""


class CompletionAssembler:
    """Assembles an answer from its chunks; the tokens counted so far go into ``pending.usage``.

    A server reports usage at the end or never. Until then, the prompt counts one token per four characters, and each
    chunk counts one token.

    Args:
        body: the request.
        pending: the attempt.
        most: output tokens after which an endless answer is abandoned.
    """

    def __init__(self, body: Mapping[str, Any], pending: PendingRequest, most: int) -> None:
        self.begun = False
        self.ended = False
        self._body, self._pending, self._most = body, pending, most
        self._text: list[str] = []
        self._thoughts: dict[str, list[str]] = {}
        self._refusal: list[str] = []
        self._calls: list[_PartialToolCall] = []
        self._at: dict[int, _PartialToolCall] = {}
        self._stop: str | None = None
        self._counted = False

    def take(self, chunk: Any) -> None:
        """Add a chunk.

        Raises:
            CallFailure: the chunk is invalid, or the answer exceeds ``most`` tokens.
        """
        try:
            self._take(chunk)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise CallFailure("cut_stream", f"invalid chunk in the stream ({type(error).__name__})") from None
        if self._pending.usage.output > self._most and not self._counted:
            raise CallFailure("cut_short", f"an answer of more than {self._most:,} tokens")

    def _take(self, chunk: Any) -> None:
        if not self.begun:
            self.begun = True
            prompt = len(json.dumps(self._body, ensure_ascii=False)) // CHARACTERS_PER_TOKEN
            self._pending.usage = Usage(input=prompt)
        choices = chunk.choices or []
        for choice in choices[:1]:
            if choice.delta is not None:
                self._add(choice.delta)
            self._stop = choice.finish_reason or self._stop
        if chunk.usage is not None:
            self._count(chunk.usage)
            self.ended = self._stop is not None and not choices

    def _add(self, delta: Any) -> None:
        more = delta.model_extra or {}
        thoughts = {name: more[name] for name in _THOUGHTS if isinstance(more.get(name), str) and more[name]}
        for name, text in thoughts.items():
            self._thoughts.setdefault(name, []).append(text)
        self._text.append(delta.content or "")
        self._refusal.append(delta.refusal or "")
        for call in delta.tool_calls or []:
            self._add_call(call)
        if (delta.content or delta.refusal or delta.tool_calls or thoughts) and not self._counted:
            self._pending.usage += Usage(output=1)

    def _add_call(self, delta: Any) -> None:
        index = delta.index if delta.index is not None else max(0, len(self._calls) - 1)
        call = self._at.get(index)
        if call is None or (delta.id and call.id and delta.id != call.id):  # some servers give every call the index 0
            call = self._at[index] = _PartialToolCall()
            self._calls.append(call)
        call.id = delta.id or call.id
        if delta.function is not None:
            call.name = call.name or delta.function.name or ""
            call.arguments.append(delta.function.arguments or "")
        call.more |= delta.model_extra or {}

    def _count(self, usage: Any) -> None:
        """Take the usage that the server reports, whose prompt tokens include cached tokens."""
        details = usage.prompt_tokens_details
        prompt = usage.prompt_tokens
        read = min(prompt, (details.cached_tokens or 0) if details is not None else 0)
        write = min(prompt - read, (details.cache_write_tokens or 0) if details is not None else 0)
        self._pending.usage = Usage(
            input=prompt - read - write, cache_write=write, cache_read=read, output=usage.completion_tokens or 0
        )
        self._counted = True

    def reply(self) -> Reply:
        """Return the answer.

        Raises:
            CallFailure: the answer is incomplete or unusable.
        """
        if self._stop is None:
            raise CallFailure("cut_stream", "the answer ended in the middle")
        text = clean("".join(self._text))
        if self._stop == "content_filter" or ("".join(self._refusal).strip() and not text.strip()):
            raise CallFailure("refused", "the model refused to answer")
        long = self._stop == "length"
        calls = tuple(self._call(number, call, long) for number, call in enumerate(self._calls))
        if not calls and not text.strip():
            raise CallFailure("cut_short" if long else "empty", "an answer without text and without a tool call")
        return Reply(
            text=text.strip(), tool_calls=calls, stop="length" if long else "tools" if calls else "end",
            usage=self._pending.usage, raw=(self._raw(text, calls),),
        )  # fmt: skip

    def _call(self, number: int, call: _PartialToolCall, long: bool) -> ToolCall:
        written = "".join(call.arguments)
        given = strict_json(written) if written.strip() else {}
        if not isinstance(given, dict) or not call.name:
            kind: FailureKind = "cut_short" if long else "malformed_tool_call"
            raise CallFailure(kind, f"the arguments of {call.name or 'a nameless tool'} are not a JSON object")
        made = f"{self._pending.id.rpartition('-')[0]}-{number}"
        return ToolCall(id=clean(call.id) or made, name=clean(call.name), arguments=json.dumps(_pure(given)))

    def _raw(self, text: str, calls: tuple[ToolCall, ...]) -> dict[str, Any]:
        """Return the answer as the message that later requests send back."""
        message: dict[str, Any] = {"role": "assistant", "content": text if text.strip() else None}
        if calls:
            message |= {name: clean("".join(parts)) for name, parts in self._thoughts.items()}
            message["tool_calls"] = [
                {**_pure(mine.more), "id": call.id, "type": "function",
                 "function": {"name": call.name, "arguments": call.arguments}}
                for mine, call in zip(self._calls, calls, strict=True)
            ]  # fmt: skip
        return message


def _pure(value: dict[str, Any]) -> Any:
    """Return ``value`` as plain JSON without lone surrogates, which cannot be stored or sent."""
    return json.loads(clean(json.dumps(value, ensure_ascii=False)))
