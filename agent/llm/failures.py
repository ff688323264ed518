"""Kinds of failures of LLM calls. Each kind has exactly one handling."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

from autotts.envs.errors import InputError

from .transcript import redact

FailureKind = Literal[
    "overloaded", "rate_limited", "server_error", "timeout", "cut_stream", "network", "refused", "empty",
    "malformed_tool_call", "cut_short", "context_too_long", "no_code", "does_not_parse", "auth", "bad_request",
]  # fmt: skip
Handling = Literal["retry", "retry_twice", "shorten", "tell", "end_run"]
"""The handling of a failure.

retry: send the request again until the deadline. retry_twice: the model's answer was paid for but is unusable; send the
request again twice, then let the conversation handle the failure. shorten: drop the oldest tool results and ask again.
tell: continue the conversation with a message to the model. end_run: only the user can help.
"""

HANDLING: dict[FailureKind, Handling] = {
    "overloaded": "retry",
    "rate_limited": "retry",
    "server_error": "retry",
    "timeout": "retry",
    "cut_stream": "retry",
    "network": "retry",
    "refused": "retry_twice",
    "empty": "retry_twice",
    "malformed_tool_call": "retry_twice",
    "cut_short": "tell",
    "context_too_long": "shorten",
    "no_code": "tell",
    "does_not_parse": "tell",
    "auth": "end_run",
    "bad_request": "end_run",
}


class CallFailure(Exception):
    """One attempt at a call failed.

    Args:
        kind: kind of the failure.
        message: one line for a person; text that looks like a secret is removed.
        retry_after: seconds that the provider asked to wait, if given.
    """

    def __init__(self, kind: FailureKind, message: str, retry_after: float | None = None) -> None:
        self.kind, self.message, self.retry_after = kind, redact(message)[:500], retry_after
        super().__init__(f"{kind}: {self.message}")


class ExplorerError(Exception):
    """The provider cannot be used. The run stops at once and can be resumed; the message says what the user can do."""


class AuthError(ExplorerError):
    """The key is missing, wrong, or not allowed to use this model or service."""


class MissingKey(AuthError, InputError):
    """There is no key, or none that could be sent: the user must set it before the command is used."""


class RequestRefused(ExplorerError):
    """The provider rejects the request: the user must change the model, a setting or the endpoint."""


class ServiceDown(ExplorerError):
    """The provider gave no answer within the deadline."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a provider asks to wait; a date is relative to the response's date, not our clock."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
    try:
        return (parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
