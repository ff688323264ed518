"""The explorer `openai`: a model behind any endpoint that speaks chat completions, on the official SDK.

vLLM, Ollama and most gateways speak it. The SDK comes with the extra ``openai``: import this module only when needed.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from envs.errors import InputError

try:
    import httpx2
    import openai
    from openai import AsyncOpenAI
except ImportError:
    raise InputError("the explorer `openai` needs its SDK: pip install 'autotts[openai]'") from None

from ...llm.calls import CallJournal
from ...llm.chat import ChatModel, ModelTurn, PendingRequest, Reply, ToolTurn, Turn, UserTurn
from ...llm.completion import CompletionAssembler
from ...llm.failures import AuthError, CallFailure, FailureKind, retry_after
from ...llm.session import Prompt, SessionLimits, SessionTools
from ...records.explorer import Brief
from .explorer import LlmExplorer, Report

MAX_TOKENS = 32_000
"""Tokens of one answer, thinking included."""
_WRONG = "Error:\n"
KEY, ENDPOINT = "OPENAI_API_KEY", "OPENAI_BASE_URL"


class OpenAIExplorer(LlmExplorer):
    """Asks a model through chat completions. Key and endpoint come from the environment: a server of one's own, named
    by OPENAI_BASE_URL, may need no key.

    Args:
        model: its name, as the endpoint knows it.
        calls: the run's journal of calls.
        prompt: makes what a conversation begins with, from the brief and its step ("propose" or "refine").
        tools: makes the tools of a conversation.
        bounds: how far a conversation may go.
        report: told how each conversation ended.

    Raises:
        AuthError: there is no key, or none that can be sent.
        InputError: no price is known for the model, or the endpoint is not an address.
    """

    def __init__(
        self, model: str, calls: CallJournal, prompt: Callable[[Brief, str], Prompt],
        tools: Callable[[Brief], SessionTools], bounds: SessionLimits | None = None,
        report: Report = lambda event, fields: None,
    ) -> None:  # fmt: skip
        price = calls.prices.of(model)
        secret, address = key(), endpoint()
        free = price.input == price.output == 0
        # what is paid is bounded; a server of one's own has a context of its own, which may be smaller than our bound
        most = None if free else MAX_TOKENS

        @asynccontextmanager
        async def connect() -> AsyncIterator[ChatModel]:
            # `CallJournal` is the only layer that repeats; the time-out is only a net below the watch on progress
            timeout = httpx2.Timeout(2 * calls.patience.deadline, connect=30.0)
            async with AsyncOpenAI(api_key=secret, base_url=address, max_retries=0, timeout=timeout) as client:
                yield OpenAIModel(model, client, most)

        super().__init__("openai", connect, calls, prompt, tools, bounds, report)


def endpoint() -> str | None:
    """Return the endpoint, if it is not the SDK's own.

    Raises:
        InputError: it is no address.
    """
    found = os.environ.get(ENDPOINT, "").strip() or None
    if found is not None and not found.startswith(("http://", "https://")):
        raise InputError(f"${ENDPOINT} is no address: it begins with http:// or https://, and ends in /v1 as a rule")
    return found


def key() -> str:
    """Return the key to send: a server of one's own may need none, and is sent a word instead.

    Raises:
        AuthError: there is none, or none that can be sent.
        InputError: the endpoint is no address.
    """
    found = os.environ.get(KEY, "").strip() or ("no-key" if endpoint() else "")
    if not found:
        raise AuthError(f"no key: set {KEY} in the environment, or {ENDPOINT} to a server that needs none")
    if not (found.isascii() and found.isprintable()):
        raise AuthError(f"${KEY} is not a key: it has characters that no header can hold")
    return found


class OpenAIModel:
    """One model behind chat completions: see `agent.llm.chat.ChatModel`.

    Args:
        name: the model's.
        client: of its endpoint.
        most: tokens of one answer; None leaves the bound to the server, as far as `MAX_TOKENS`.
    """

    def __init__(self, name: str, client: AsyncOpenAI, most: int | None = MAX_TOKENS) -> None:
        self.name, self._client, self._most = name, client, most

    def body(self, system: str, tools: Sequence[Mapping[str, Any]], turns: Sequence[Turn]) -> dict[str, Any]:
        """Return the request. It grows only at its end, so that a service with a prompt cache finds its beginning."""
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

    async def reply(self, body: Mapping[str, Any], sending: PendingRequest) -> Reply:
        """Send ``body`` once, and return the whole answer.

        Raises:
            Failure: there is none; ``sending.usage`` has what was counted until then.
        """
        completion = CompletionAssembler(body, sending, self._most or MAX_TOKENS)
        completions: Any = self._client.chat.completions  # the body is plain JSON, which its overloads do not know
        try:
            headers = {"Idempotency-Key": sending.id}
            stream = await sending.progress(completions.create(**body, extra_headers=headers))
            try:
                _check_streams(stream.response.headers)
                async with aclosing(aiter(stream)) as chunks:
                    while not completion.ended:
                        completion.take(await sending.progress(anext(chunks)))
            except StopAsyncIteration:
                pass  # not all servers count; whether the answer is whole is seen from its stop reason
            finally:
                await stream.close()
        except openai.APIStatusError as error:
            raise _failure(error, error.status_code, error.response.headers) from None
        except openai.APITimeoutError as error:
            raise CallFailure("timeout", str(error)) from None
        except openai.APIConnectionError as error:
            kind: FailureKind = "cut_stream" if completion.begun else "network"
            raise CallFailure(kind, f"{error} ({error.__cause__ or 'no cause given'})") from None
        except openai.APIError as error:  # within a stream that began well
            code = error.code or ""
            raise _failure(error, int(code) if code.isdecimal() else 0, {}) from None
        except httpx2.TimeoutException as error:
            raise CallFailure("timeout", f"{type(error).__name__}: {error}") from None
        except (httpx2.HTTPError, httpx2.StreamError, OSError) as error:
            raise CallFailure("cut_stream", f"{type(error).__name__}: {error}") from None
        except (ValueError, RecursionError) as error:  # neither UTF-8 nor JSON
            raise CallFailure("cut_stream", f"an answer that cannot be read ({type(error).__name__})") from None
        except openai.OpenAIError as error:
            raise CallFailure("auth", str(error)) from None
        return completion.reply()


def _check_streams(headers: Mapping[str, str]) -> None:
    """Refuse what is no stream: a web page, or the whole answer of a server that cannot stream."""
    kind = headers.get("content-type", "")
    if "html" in kind or kind.partition(";")[0].strip() == "application/json":
        raise CallFailure("bad_request", f"the endpoint does not stream (it sent {kind}): is ${ENDPOINT} right?")


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    told = {"name": tool["name"], "description": tool["description"], "parameters": tool["input_schema"]}
    return {"type": "function", "function": told}


def _messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """Return the conversation as messages; answers go back as they came.

    Many models' templates want user and assistant by turns, so that our words in a row are one message, and a note
    stands with the last of its results.
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
            messages.append(_said(turn))
    return messages


def _said(turn: UserTurn) -> dict[str, Any]:
    return {"role": "user", "content": turn.text}


def _results(turn: ToolTurn) -> list[dict[str, Any]]:
    """Return tool messages; that a call was wrong has no field of its own here."""
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
"""By an error's code or type."""
_STATUSES: dict[int, FailureKind] = {
    401: "auth", 402: "auth", 403: "auth", 408: "timeout", 409: "server_error", 413: "context_too_long",
    425: "server_error", 429: "rate_limited", 503: "overloaded", 504: "timeout", 529: "overloaded",
}  # fmt: skip
_TOO_LONG = ("maximum context", "context length", "context window", "context size", "too long", "too large")


def _failure(error: openai.APIError, status: int, headers: Mapping[str, str]) -> CallFailure:
    """Return the failure that a status stands for, or an error within a stream (0, or a status as its code)."""
    named = [_CODES[name] for name in (error.code, error.type) if isinstance(name, str) and name in _CODES]
    otherwise: FailureKind = "bad_request" if 400 <= status < 500 else "server_error"
    kind = named[0] if named else _STATUSES.get(status, otherwise)
    words = _words(error)
    if kind == "bad_request" and status != 404 and any(sign in words.lower() for sign in _TOO_LONG):
        kind = "context_too_long"
    hint = f"; is ${ENDPOINT} right? it ends in /v1, as a rule" if status == 404 and not named else ""
    return CallFailure(kind, f"{words} (status {status}){hint}" if status else words, retry_after(headers))


def _words(error: openai.APIError) -> str:
    """Return what the service says; its body may be anything."""
    body: Any = error.body
    said = body.get("message") if isinstance(body, Mapping) else None
    return " ".join(str(said or error.message).split())
