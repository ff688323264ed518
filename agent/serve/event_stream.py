"""Server-sent events: chunks of a chat completion, comments while nothing happens, and the end when a client leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_Result = TypeVar("_Result")
DONE = b"data: [DONE]\n\n"
KEEP_ALIVE = b": working\n\n"
"""A comment, which clients ignore."""


class ClientGone(Exception):
    """The client has closed its connection; nobody reads the answer."""


class EventStream(Response):
    """A response of server-sent events. When the client leaves, the iterator is closed at once.

    Args:
        events: the events, each with its empty line.
        seconds: seconds of silence after which a comment is sent.
        gone: called if the client leaves before the end.
        closed: called at the end, also if no event was asked for.
        headers: more headers.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        seconds: float,
        gone: Callable[[], object],
        closed: Callable[[], Awaitable[None]],
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(headers={"cache-control": "no-cache", "x-accel-buffering": "no"} | (headers or {}))
        del self.headers["content-length"]
        self._events, self._seconds, self._gone, self._closed = events, seconds, gone, closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            await while_connected(receive, self._send(send))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        except (ClientGone, OSError):
            self._gone()
        finally:
            await self._closed()

    async def _send(self, send: Send) -> None:
        upcoming: asyncio.Task[bytes] | None = None
        try:
            while True:
                upcoming = upcoming or asyncio.ensure_future(anext(self._events))
                done, _ = await asyncio.wait((upcoming,), timeout=self._seconds)
                body = KEEP_ALIVE
                if done:
                    try:
                        body = upcoming.result()
                    except StopAsyncIteration:
                        return
                    upcoming = None
                await send({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            if upcoming is not None:
                upcoming.cancel()
                await asyncio.wait((upcoming,))
            await self._events.aclose()


async def while_connected(receive: Receive, work: Awaitable[_Result]) -> _Result:
    """Return the result of ``work``; cancel it, and wait for its end, when the client leaves.

    Args:
        receive: the channel of the request, whose body was read.
        work: what the client waits for.

    Raises:
        ClientGone: the client has left.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_departure(receive))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            await asyncio.wait((working,))
            if working.cancelled():
                raise ClientGone
        return working.result()
    finally:
        for task in (working, watching):
            if not task.done():
                task.cancel()
                await asyncio.wait((task,))


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def event(data: dict[str, Any]) -> bytes:
    """Return one event with JSON in it."""
    return b"data: " + json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n\n"
