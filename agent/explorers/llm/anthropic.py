"""The explorer `anthropic`: a model of the Messages API, asked through the official SDK, as an agent with tools.

Answers are streamed and assembled event by event (`agent/llm/message.py`). The SDK's own helper abandons a stream
when a tool's arguments are not valid JSON, and then loses the usage that has to be paid.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal

import anthropic
import httpx2
from anthropic import AsyncAnthropic

from ...llm.calls import CallJournal
from ...llm.chat import ChatModel, ModelTurn, PendingRequest, Reply, ToolTurn, Turn, UserTurn
from ...llm.failures import CallFailure, FailureKind, MissingKey, retry_after
from ...llm.message import MessageAssembler, is_blank
from ...llm.session import ConversationPrompt, SessionLimits, SessionTools
from ...records.events import EventListener, ignore
from ...records.explorer import Brief
from .explorer import LlmExplorer

MAX_TOKENS = 32_000
"""Longest answer, in tokens, including thinking."""
THINKING_TOKENS = 12_000
"""Tokens of an answer that may be used for thinking, for models that need a fixed budget."""
_CACHED = {"cache_control": {"type": "ephemeral"}}
_MOVING = 2
"""Cache breakpoints on the last user messages. Two more are on the tools and the system prompt; the API allows four."""
Thinking = Literal["adaptive", "budget", "none"]


class AnthropicExplorer(LlmExplorer):
    """Asks a model of the Messages API. The SDK takes key and endpoint from the environment.

    Args:
        model: name of the model.
        calls: the run's journal of calls.
        prompt: returns the beginning of a conversation, given the brief and the step ("propose" or "refine").
        tools: returns the tools of a conversation.
        limits: limits of each conversation.
        thinking: whether a model that can think before it answers should do so.
        report: called with the result of each conversation.

    Raises:
        MissingKey: there is no key.
    """

    def __init__(
        self, model: str, calls: CallJournal, prompt: Callable[[Brief, str], ConversationPrompt],
        tools: Callable[[Brief], SessionTools], limits: SessionLimits | None = None,
        thinking: bool = True, report: EventListener = ignore,
    ) -> None:  # fmt: skip
        mode: Thinking = calls.prices.of(model).thinking if thinking else "none"
        key()

        @asynccontextmanager
        async def connect() -> AsyncIterator[ChatModel]:
            # only `CallJournal` retries; this timeout is a safety net behind the timeout of `PendingRequest.progress`
            timeout = httpx2.Timeout(2 * calls.retries.deadline, connect=30.0)
            async with AsyncAnthropic(max_retries=0, timeout=timeout, open_telemetry=False) as client:
                yield AnthropicModel(model, client, mode)

        super().__init__("anthropic", connect, calls, prompt, tools, limits, report)


def key() -> str:
    """Return the key that the SDK will send.

    Raises:
        MissingKey: there is no key.
    """
    secret = os.environ.get("ANTHROPIC_API_KEY") or os.environ.get("ANTHROPIC_AUTH_TOKEN")
    if not secret:
        raise MissingKey("no key for the Messages API: set ANTHROPIC_API_KEY in the environment")
    return secret


class AnthropicModel:
    """One model of the Messages API: see `agent.llm.chat.ChatModel`."""

    def __init__(self, name: str, client: AsyncAnthropic, thinking: Thinking = "none") -> None:
        self.name, self._client, self._thinking = name, client, thinking

    def body(self, system: str, tools: Sequence[Mapping[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
        """Return the request. Its beginning does not change from turn to turn, so that the cache serves it.

        Cache breakpoints are after the tools, after the system prompt, and at the end of the last two user messages:
        with two, the API finds an earlier cache entry even if many blocks were added since.
        """
        offered: list[dict[str, Any]] = [
            {"name": tool["name"], "description": tool["description"], "input_schema": tool["input_schema"]}
            for tool in tools
        ]
        if offered:
            offered[-1] |= _CACHED
        messages = _messages(turns)
        for message in [message for message in messages if message["role"] == "user"][-_MOVING:]:
            message["content"][-1] |= _CACHED
        body: dict[str, Any] = {
            "model": self.name,
            "max_tokens": MAX_TOKENS,
            "system": [{"type": "text", "text": system} | _CACHED],
            "tools": offered,
            "messages": messages,
        }
        if self._thinking == "adaptive":
            body["thinking"] = {"type": "adaptive"}
        elif self._thinking == "budget":
            body["thinking"] = {"type": "enabled", "budget_tokens": THINKING_TOKENS}
        return body

    async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
        """Send ``body`` once, and return the complete answer.

        Raises:
            CallFailure: the attempt failed; ``pending.usage`` holds the tokens counted until then.
        """
        message = MessageAssembler(pending)
        messages: Any = self._client.messages  # Any: the overloads do not accept plain JSON
        try:
            headers = {"Idempotency-Key": pending.id}
            stream = await pending.progress(messages.create(**body, stream=True, extra_headers=headers))
            # closed explicitly: the garbage collector might close the stream in the middle of another thread's work
            async with stream, aclosing(aiter(stream)) as events:
                while not message.ended:
                    message.take(await pending.progress(anext(events)))
        except StopAsyncIteration:
            raise CallFailure("cut_stream", "the answer ended in the middle") from None
        except anthropic.APIStatusError as error:
            raise _of_status(error) from None
        except anthropic.APITimeoutError as error:
            raise CallFailure("timeout", str(error)) from None
        except anthropic.APIConnectionError as error:
            raise CallFailure("network", f"{error} ({error.__cause__ or 'no cause given'})") from None
        except httpx2.TimeoutException as error:  # while streaming, the SDK passes on errors of its transport
            raise CallFailure("timeout", f"{type(error).__name__}: {error}") from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise CallFailure("cut_stream", f"{type(error).__name__}: {error}") from None
        except (anthropic.APIError, ValueError) as error:  # invalid UTF-8, invalid JSON, or undocumented content
            raise CallFailure("cut_stream", f"unreadable answer ({type(error).__name__})") from None
        except anthropic.AnthropicError as error:
            raise CallFailure("auth", str(error)) from None
        return message.reply()


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return the conversation as alternating user and assistant messages; answers are sent back unchanged."""
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if isinstance(turn, ModelTurn):
            kept = [dict(block) for block in turn.reply.raw if not is_blank(block)]
            messages.append({"role": "assistant", "content": kept})
            continue
        if not messages or messages[-1]["role"] != "user":
            messages.append({"role": "user", "content": []})
        messages[-1]["content"] += _blocks(turn)
    return messages


def _blocks(turn: UserTurn | ToolTurn) -> list[dict[str, Any]]:
    if isinstance(turn, UserTurn):
        return [{"type": "text", "text": turn.text}]
    blocks: list[dict[str, Any]] = []
    for result in turn.results:
        block = {"type": "tool_result", "tool_use_id": result.call.id, "content": result.text}
        blocks.append(block | ({"is_error": True} if result.error else {}))
    return [*blocks, {"type": "text", "text": turn.note}] if turn.note else blocks


_KINDS: dict[str, FailureKind] = {
    "overloaded_error": "overloaded", "rate_limit_error": "rate_limited", "api_error": "server_error",
    "timeout_error": "timeout", "authentication_error": "auth", "permission_error": "auth", "billing_error": "auth",
    "not_found_error": "bad_request", "request_too_large": "context_too_long", "conflict_error": "server_error",
}  # fmt: skip
_STATUSES: dict[int, FailureKind] = {
    401: "auth", 402: "auth", 403: "auth", 404: "bad_request", 408: "timeout", 409: "server_error",
    413: "context_too_long", 429: "rate_limited", 504: "timeout", 529: "overloaded",
}  # fmt: skip
_TOO_LONG = ("too long", "context window", "context limit", "context length", "too large")


def _of_status(error: anthropic.APIStatusError) -> CallFailure:
    """Return the failure for a status, or for an error event within a stream."""
    status = error.status_code
    by_status = _STATUSES.get(status, "server_error" if status >= 500 or status < 400 else "bad_request")
    kind = _KINDS.get(str(error.type), by_status)
    message = str(error.api_message or error.message)
    if error.type == "invalid_request_error" or kind == "bad_request":
        kind = "context_too_long" if any(sign in message.lower() for sign in _TOO_LONG) else "bad_request"
    return CallFailure(kind, f"{message} (status {status})", retry_after(error.response.headers))
