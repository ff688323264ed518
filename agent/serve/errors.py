"""Errors of the gateway, in the shape in which OpenAI's interface gives them."""

from __future__ import annotations

from typing import Any

from autotts.envs.plain_text import message_line

_TYPES = {400: "invalid_request_error", 401: "authentication_error", 404: "invalid_request_error"}
_LONGEST = 600


class GatewayError(Exception):
    """A request that the gateway does not answer; the message is one line.

    Args:
        status: the HTTP status.
        code: a short name of the reason, for programs and for the metrics.
        message: what is wrong, and what to do.
        param: the field of the request that is wrong.
        retry_after: seconds after which the client may try again.
    """

    def __init__(
        self, status: int, code: str, message: str, *, param: str | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.param, self.retry_after = status, code, param, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the answer."""
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        if self.status == 401:
            headers["www-authenticate"] = "Bearer"
        return headers

    @property
    def body(self) -> dict[str, Any]:
        """The answer: an object ``error`` with message, type, param and code."""
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        if self.status == 429:
            kind = "rate_limit_error"
        message = message_line(str(self), _LONGEST)
        return {"error": {"message": message, "type": kind, "param": self.param, "code": self.code}}
