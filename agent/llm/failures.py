"""What can go wrong between us and a language model: every kind has a name, and exactly one handling."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Literal

from .transcript import redact

FailureKind = Literal[
    "overloaded", "rate_limited", "server_error", "timeout", "cut_stream", "network", "refused", "empty",
    "malformed_tool_call", "cut_short", "context_too_long", "no_code", "does_not_parse", "auth", "bad_request",
]  # fmt: skip
Handling = Literal["retry", "retry_twice", "shorten", "tell", "end_run"]
"""What is done about a failure.

retry: ask again, for as long as the deadline allows. retry_twice: the model answered, and was paid, but with nothing of
use: ask the same again twice, then let the session deal with it. shorten: drop the oldest tool results, and ask again.
tell: the conversation goes on, and the model is told. end_run: nobody but the user can help.
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
    """One attempt at a call has failed.

    Args:
        kind: what it was.
        message: one line for a person; what looks like a secret is taken out.
        retry_after: seconds that the service asked us to wait, if it did.
    """

    def __init__(self, kind: FailureKind, message: str, retry_after: float | None = None) -> None:
        self.kind, self.message, self.retry_after = kind, redact(message)[:500], retry_after
        super().__init__(f"{kind}: {self.message}")


class ExplorerError(Exception):
    """The explorer's service cannot be used: the run stops at once, and can be resumed. The message says what to do."""


class AuthError(ExplorerError):
    """The key is missing, wrong, or not allowed to use this model or service."""


class RequestRefused(ExplorerError):
    """The service does not accept what is asked: another model, another setting, another endpoint is needed."""


class ServiceDown(ExplorerError):
    """The service gave no answer within the deadline."""


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a service asks us to wait; a date is read against the answer's own, not our clock."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return float(headers[name]) * unit
        except (KeyError, ValueError):
            continue
    try:
        return (parsedate_to_datetime(headers["retry-after"]) - parsedate_to_datetime(headers["date"])).total_seconds()
    except (KeyError, ValueError, TypeError):
        return None
