"""What can go wrong with one attempt at a request, and what is to be done about each."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any, Literal

FaultKind = Literal["busy", "server", "unreachable", "cut", "silent", "garbled", "user", "refused", "context"]
"""Why an attempt failed.

busy: 429, or another status that asks to come back later. server: any other 5xx. unreachable: no connection could be
opened. cut: the connection broke before the reply was whole. silent: no byte came for too long. garbled: the reply
cannot be read. user: the key, the model or the address is wrong. refused: the server will never take this request.
context: prompt and completion are longer than the model's context.
"""
RETRIED: frozenset[FaultKind] = frozenset({"busy", "server", "unreachable", "cut", "silent", "garbled"})
"""Failures after which the same request is sent again."""
MAY_HAVE_COST: frozenset[FaultKind] = frozenset({"cut", "silent", "garbled"})
"""Failures of attempts whose tokens the server may have generated all the same."""

_CONTEXT = re.compile(
    r"context (?:length|size|window)|exceed_context|context_length_exceeded|longer than the maximum model length"
    r"|max_model_len|maximum context|too many tokens|(?:prompt|input) is too long",
    re.IGNORECASE,
)
_MODEL = re.compile(
    r"model\b.{0,200}(?:not (?:found|exist|available|served|a valid|supported)|does not exist|doesn't exist|unknown"
    r"|invalid|isn't|is not)|(?:no such|unknown|invalid) model",
    re.IGNORECASE | re.DOTALL,
)
_LATER = frozenset({408, 425, 429, 503, 529})
_LONGEST_MESSAGE = 300


class AttemptFailed(Exception):
    """One attempt at a request failed. The message is one line, without the key.

    Args:
        kind: why.
        message: the line.
        retry_after: seconds that the server asks to wait.
        status: the status of the reply; 0 without one.
    """

    def __init__(self, kind: FaultKind, message: str, retry_after: float | None = None, status: int = 0) -> None:
        super().__init__(message)
        self.kind, self.message, self.retry_after, self.status = kind, message, retry_after, status


def failure_of_status(status: int, headers: Mapping[str, str], body: bytes, now: float) -> AttemptFailed:
    """Return the failure that a reply with another status than 200 means.

    Args:
        status: the status of the reply.
        headers: its headers, with names in lower case.
        body: its content.
        now: the time in seconds since 1970, for a ``retry-after`` that is a date.
    """
    said = error_text(body)
    message = f"the server answers {status}" + (f": {said}" if said else "")
    return AttemptFailed(_kind(status, said), message, _retry_after(headers, now), status)


def failure_in_stream(error: Any) -> AttemptFailed:
    """Return the failure that an ``error`` object within a reply of status 200 means."""
    said = error_text(json.dumps({"error": error}).encode())
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return AttemptFailed(_kind(status, said), f"the server answers with an error: {said}", status=status)


def error_text(body: bytes) -> str:
    """Return what the body of an error says, in one line; servers write it in many ways."""
    text = body.decode("utf-8", "replace").strip()
    try:
        document = json.loads(text)
    except ValueError:
        return "" if text.startswith("<") else one_line(text)
    if not isinstance(document, dict):
        return one_line(text)
    error = document.get("error", document)
    if isinstance(error, dict):
        found = error.get("message") or error.get("detail") or error.get("msg")
        kind = error.get("type") or error.get("code")
        text = str(found or kind or text)
        if found and isinstance(kind, str) and kind not in text:
            text = f"{text} ({kind})"
        return one_line(text)
    return one_line(str(error))


def one_line(text: str) -> str:
    """Return ``text`` as one line of bearable length."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_MESSAGE else line[: _LONGEST_MESSAGE - 3] + "..."


def _kind(status: int, said: str) -> FaultKind:
    if status in (401, 402, 403) or "insufficient_quota" in said:
        return "user"
    if status in _LATER:
        return "busy"
    if status >= 500 and status != 501:
        # llama.cpp has answered 500 for a context that is full
        return "context" if "context size has been exceeded" in said.lower() else "server"
    if _CONTEXT.search(said):
        return "context"
    if status == 404 or (status in (400, 422) and _MODEL.search(said)):
        return "user"
    return "user" if 300 <= status < 400 else "refused"


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that the headers ask to wait, from a number or a date."""
    value = headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (ValueError, TypeError):
        return None
