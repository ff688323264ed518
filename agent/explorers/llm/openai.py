"""The explorer `openai`: a model behind any chat-completions endpoint, asked through the official SDK.

vLLM, Ollama and most gateways offer such endpoints. The SDK is an optional dependency (extra ``openai``): import this
module only when needed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

try:
    import httpx2
    import openai
    from openai import AsyncOpenAI
except ImportError:
    raise InputError(f"the explorer `openai` needs its SDK: {install_command('openai')}") from None

from ...llm.calls import CallJournal
from ...llm.chat import ChatModel, ModelTurn, PendingRequest, Reply, ToolTurn, Turn
from ...llm.completion import CompletionAssembler
from ...llm.failures import CallFailure, FailureKind, MissingKey, retry_after
from ...llm.prices import UNKNOWN
from ...llm.session import ConversationPrompt, SessionLimits, SessionTools
from ...records.events import EventListener, ignore
from ...records.explorer import Brief
from .explorer import LlmExplorer

MAX_TOKENS = 32_000
"""Longest answer, in tokens, including thinking."""
_WRONG = "Error:\n"
KEY, ENDPOINT = "OPENAI_API_KEY", "OPENAI_BASE_URL"


class OpenAIExplorer(LlmExplorer):
    """Asks a model through chat completions.

    Key and endpoint come from the environment; a self-hosted server, named by OPENAI_BASE_URL, may need no key.

    Args:
        model: name of the model at the endpoint.
        calls: the run's journal of calls.
        prompt: returns the beginning of a conversation, given the brief and the step ("propose" or "refine").
        tools: returns the tools of a conversation.
        limits: limits of each conversation.
        report: called with the result of each conversation.

    Raises:
        MissingKey: there is no key, or the key cannot be sent in a header.
        InputError: the endpoint is not a URL.
    """

    def __init__(
        self, model: str, calls: CallJournal, prompt: Callable[[Brief, str], ConversationPrompt],
        tools: Callable[[Brief], SessionTools], limits: SessionLimits | None = None,
        report: EventListener = ignore,
    ) -> None:  # fmt: skip
        price = calls.prices.of(model)
        secret, address = key(), endpoint()
        free = price.input == price.output == 0 and (price is not UNKNOWN or address is not None)
        # a paid answer is bounded; a free, self-hosted server may have a context smaller than our bound
        most = None if free else MAX_TOKENS

        @asynccontextmanager
        async def connect() -> AsyncIterator[ChatModel]:
            # only `CallJournal` retries; this timeout is a safety net behind the timeout of `PendingRequest.progress`
            timeout = httpx2.Timeout(2 * calls.retries.deadline, connect=30.0)
            async with AsyncOpenAI(api_key=secret, base_url=address, max_retries=0, timeout=timeout) as client:
                yield OpenAIModel(model, client, most)

        super().__init__("openai", connect, calls, prompt, tools, limits, report)


def endpoint() -> str | None:
    """Return the user's endpoint, or None for the SDK's default.

    Raises:
        InputError: the endpoint is not a URL.
    """
    url = os.environ.get(ENDPOINT, "").strip() or None
    if url is not None and not url.startswith(("http://", "https://")):
        raise InputError(f"${ENDPOINT} is not a URL: it must begin with http:// or https://, and usually ends in /v1")
    return url


def key() -> str:
    """Return the key to send; a placeholder for a self-hosted server without one.

    Raises:
        MissingKey: there is no key, or the key cannot be sent in a header.
        InputError: the endpoint is not a URL.
    """
    secret = os.environ.get(KEY, "").strip() or ("no-key" if endpoint() else "")
    if not secret:
        raise MissingKey(f"no key: set {KEY} in the environment, or {ENDPOINT} to a server that needs none")
    if not (secret.isascii() and secret.isprintable()):
        raise MissingKey(f"${KEY} is not a key: it contains characters that an HTTP header cannot hold")
    return secret


class OpenAIModel:
    """One model behind chat completions: see `agent.llm.chat.ChatModel`.

    Args:
        name: name of the model.
        client: client of the endpoint.
        most: longest answer in tokens; None leaves the limit to the server, up to `MAX_TOKENS`.
    """

    def __init__(self, name: str, client: AsyncOpenAI, most: int | None = MAX_TOKENS) -> None:
        self.name, self._client, self._most = name, client, most

    def body(self, system: str, tools: Sequence[Mapping[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
        """Return the request. It grows only at its end, so that a prompt cache can serve its beginning."""
        body: dict[str, Any] = {
            "model": self.name,
            "messages": [{"role": "system", "content": system}, *_messages(turns)],
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if tools:
            body["tools"] = [_function(tool) for tool in tools]
        if self._most is not None:
            body["max_completion_tokens"] = self._most
        return body

    async def reply(self, body: Mapping[str, Any], pending: PendingRequest) -> Reply:
        """Send ``body`` once, and return the complete answer.

        Raises:
            CallFailure: the attempt failed; ``pending.usage`` holds the tokens counted until then.
        """
        completion = CompletionAssembler(body, pending, self._most or MAX_TOKENS)
        completions: Any = self._client.chat.completions  # Any: the overloads do not accept plain JSON
        try:
            headers = {"Idempotency-Key": pending.id}
            stream = await pending.progress(completions.create(**body, extra_headers=headers))
            try:
                _check_streams(stream.response.headers)
                async with aclosing(aiter(stream)) as chunks:
                    while not completion.ended:
                        completion.take(await pending.progress(anext(chunks)))
            except StopAsyncIteration:
                pass  # some servers send no usage at the end; the stop reason shows whether the answer is complete
            finally:
                await stream.close()
        except openai.APIStatusError as error:
            raise _failure(error, error.status_code, error.response.headers) from None
        except openai.APITimeoutError as error:
            raise CallFailure("timeout", str(error)) from None
        except openai.APIConnectionError as error:
            kind: FailureKind = "cut_stream" if completion.begun else "network"
            raise CallFailure(kind, f"{error} ({error.__cause__ or 'no cause given'})") from None
        except openai.APIError as error:  # an error within a stream
            code = error.code or ""
            raise _failure(error, int(code) if code.isdecimal() else 0, {}) from None
        except httpx2.TimeoutException as error:
            raise CallFailure("timeout", f"{type(error).__name__}: {error}") from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise CallFailure("cut_stream", f"{type(error).__name__}: {error}") from None
        except (ValueError, RecursionError) as error:  # invalid UTF-8 or JSON
            raise CallFailure("cut_stream", f"unreadable answer ({type(error).__name__})") from None
        except openai.OpenAIError as error:
            raise CallFailure("auth", str(error)) from None
        return completion.reply()


def _check_streams(headers: Mapping[str, str]) -> None:
    """Reject a response that is not a stream: a web page, or the complete answer of a server that cannot stream."""
    kind = headers.get("content-type", "")
    if "html" in kind or kind.partition(";")[0].strip() == "application/json":
        raise CallFailure("bad_request", f"the endpoint does not stream (it sent {kind}): is ${ENDPOINT} right?")


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]}
    return {"type": "function", "function": function}


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return the conversation as messages; answers are sent back unchanged.

    Many models' templates require that user and assistant alternate. Successive messages of ours are therefore joined,
    and a note is appended to the last tool result.
    """
    messages: list[dict[str, Any]] = []
    for turn in turns:
        if isinstance(turn, ModelTurn):
            messages += [dict(message) for message in turn.reply.raw]
        elif isinstance(turn, ToolTurn):
            messages += _results(turn)
        elif messages and messages[-1]["role"] == "user":
            messages[-1]["content"] += f"\n\n{turn.text}"
        else:
            messages.append({"role": "user", "content": turn.text})
    return messages


def _results(turn: ToolTurn) -> list[dict[str, Any]]:
    """Return tool messages. The format has no field for a wrong call, so that a prefix marks one."""
    messages = [
        {"role": "tool", "tool_call_id": result.call.id, "content": f"{_WRONG if result.error else ''}{result.text}"}
        for result in turn.results
    ]
    if turn.note and messages:
        messages[-1]["content"] += f"\n\n{turn.note}"
    return messages


_CODES: dict[str, FailureKind] = {
    "context_length_exceeded": "context_too_long", "request_too_large": "context_too_long",
    "content_filter": "refused", "content_policy_violation": "refused",
    "insufficient_quota": "auth", "billing_hard_limit_reached": "auth", "invalid_api_key": "auth",
    "model_not_found": "bad_request", "rate_limit_exceeded": "rate_limited", "rate_limit_error": "rate_limited",
    "overloaded": "overloaded", "overloaded_error": "overloaded", "engine_overloaded": "overloaded",
    "timeout": "timeout",
}  # fmt: skip
"""Kinds of failure by an error's code or type."""
_STATUSES: dict[int, FailureKind] = {
    401: "auth", 402: "auth", 403: "auth", 408: "timeout", 409: "server_error", 413: "context_too_long",
    425: "server_error", 429: "rate_limited", 503: "overloaded", 504: "timeout", 529: "overloaded",
}  # fmt: skip
_TOO_LONG = ("maximum context", "context length", "context window", "context size", "too long", "too large")


def _failure(error: openai.APIError, status: int, headers: Mapping[str, str]) -> CallFailure:
    """Return the failure for a status, or for an error within a stream (whose code may be a status)."""
    named = [_CODES[name] for name in (error.code, error.type) if isinstance(name, str) and name in _CODES]
    otherwise: FailureKind = "bad_request" if 400 <= status < 500 else "server_error"
    kind = named[0] if named else _STATUSES.get(status, otherwise)
    message = _message(error)
    if kind == "bad_request" and status != 404 and any(sign in message.lower() for sign in _TOO_LONG):
        kind = "context_too_long"
    hint = f"; is ${ENDPOINT} right? It usually ends in /v1" if status == 404 and not named else ""
    return CallFailure(kind, f"{message} (status {status}){hint}" if status else message, retry_after(headers))


def _message(error: openai.APIError) -> str:
    """Return the provider's message; the body may be anything."""
    body: Any = error.body
    message = body.get("message") if isinstance(body, Mapping) else None
    return " ".join(str(message or error.message).split())
