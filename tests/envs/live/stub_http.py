"""The least of HTTP/1.1 that a stub server needs, and fast: a thousand requests a second."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .stub_server import StubServer


@dataclass
class StubRequest:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class StubConnection(asyncio.Protocol):
    """One connection: requests one after another."""

    def __init__(self, server: StubServer) -> None:
        self._server = server
        self._data = b""
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._server.refusing:
            self._server.refusing -= 1
            transport.abort()
            return
        self._server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.connections.discard(self)
        self._transport = None
        if self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._task is None:
            self._next()

    def _next(self) -> None:
        """Begin with the next request, if it has arrived whole."""
        head, mark, rest = self._data.partition(b"\r\n\r\n")
        if not mark:
            return
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            return
        content, self._data = rest[:length], rest[length:]
        request = StubRequest(method, path, headers, json.loads(content) if content else {})
        self._task = asyncio.get_running_loop().create_task(self._server.handle(request, self))
        self._task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.reply(500, json.dumps({"error": {"message": f"stub: {error!r}"}}).encode())
        if self._transport is not None:
            self._next()

    def reply(self, status: int, body: bytes, kind: str = "application/json") -> None:
        """Send a whole reply."""
        self.write(
            f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
            .encode() + body
        )  # fmt: skip

    def begin_stream(self) -> None:
        """Send the head of a stream."""
        self.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

    def event(self, document: str) -> None:
        """Send one event of a stream."""
        data = f"data: {document}\n\n".encode()
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def end_stream(self) -> None:
        """End the stream."""
        self.write(b"0\r\n\r\n")

    def write(self, data: bytes) -> None:
        """Send bytes, if there is still somebody."""
        if self._transport is not None and self.open:
            self._transport.write(data)

    @property
    def open(self) -> bool:
        """Whether a reply would still arrive."""
        return self._transport is not None and not self._transport.is_closing()

    def close(self) -> None:
        """Close the connection after what was sent."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Close the connection at once."""
        if self._transport is not None:
            self._transport.abort()
