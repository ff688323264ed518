"""Access to the gateway: keys, the type and the size of a body, and errors in one shape for all that is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..web.connections import ADMITTED
from .errors import GatewayError

READ_TO_REFUSE = 8
"""A body that is refused is read on, up to so many times the limit: a client that still sends would not see why."""
OPEN_PATHS = ("/healthz", "/readyz")
"""Paths that need no key: they tell nothing but whether the gateway works."""


class ApiKeys:
    """The keys that clients may show; only their hashes are held.

    Args:
        keys: the keys. Without any, every request is let in.
    """

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._digests = [_digest(key) for key in keys]

    def __len__(self) -> int:
        return len(self._digests)

    def admit(self, authorization: str) -> bool:
        """Return whether a header ``authorization`` shows a key; the time taken does not depend on its value."""
        if not self._digests:
            return True
        scheme, _, key = authorization.partition(" ")
        given = _digest(key.strip())
        right = [hmac.compare_digest(given, digest) for digest in self._digests]
        return any(right) and scheme.lower() == "bearer"


class GatewayGuard:
    """ASGI middleware in front of the gateway.

    Args:
        app: the application.
        keys: the keys of clients.
        request_bytes: bytes of a body at most.
        refused: called with each refusal of this guard.
        answered: called with the path and the status of each answer, refusals too.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: ApiKeys,
        request_bytes: int,
        refused: Callable[[GatewayError], object],
        answered: Callable[[str, int], object],
    ) -> None:
        self.app, self.keys, self.request_bytes = app, keys, request_bytes
        self.refused, self.answered = refused, answered

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on, or refuse it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered(scope["path"], message["status"])
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if (error := self._refusal(scope, headers)) is not None:
            self.refused(error)
            await self._read_on(receive, 0)
            await _refuse(counted, error)
            return
        scope[ADMITTED] = True
        await self.app(scope, self._limited(receive), counted)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> GatewayError | None:
        if scope["path"] in OPEN_PATHS:
            return None
        if not self.keys.admit(headers.get("authorization", "")):
            text = "no valid key: send one in the header `Authorization: Bearer KEY`"
            return GatewayError(401, "invalid_api_key", text)
        if scope["method"] != "POST":
            return None
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            # a page elsewhere cannot send this type without asking first, and no answer allows it
            text = "the body of a request is JSON: send the header `Content-Type: application/json`"
            return GatewayError(415, "unsupported_media_type", text)
        length = headers.get("content-length", "0")
        return self._too_large() if not length.isdecimal() or int(length) > self.request_bytes else None

    def _too_large(self) -> GatewayError:
        return GatewayError(413, "request_too_large", f"the body has more than {self.request_bytes:,} bytes")

    def _limited(self, receive: Receive) -> Receive:
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.request_bytes:
                if message.get("more_body"):
                    await self._read_on(receive, received)
                raise self._too_large()
            return message

        return limited

    async def _read_on(self, receive: Receive, received: int) -> None:
        """Read the rest of a body, unless it is far too large."""
        while received <= READ_TO_REFUSE * self.request_bytes:
            message = await receive()
            received += len(message.get("body", b""))
            if not message.get("more_body"):
                return


async def _refuse(send: Send, error: GatewayError) -> None:
    body = json.dumps(error.body).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
    raw = [(name.encode(), value.encode()) for name, value in (headers | error.headers).items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
