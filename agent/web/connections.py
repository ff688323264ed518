"""The connections of a web server: limited in number, size and time, those without the token first."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

ADMITTED = "autotts.admitted"
"""Key of a request's scope that `AccessGuard` sets when the request has shown the token."""
WANTED_DESCRIPTORS = 1024
"""Descriptors with which the server keeps its usual limits."""


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """The limits of the server."""

    connections: int = 512
    """Open connections in all."""
    without_token: int = 128
    """Open connections of one address that have not shown the token."""
    backlog: int = 256
    """Connections that the event loop takes from the kernel in one go, before it counts them."""
    request_seconds: float = 10.0
    """Time for a whole request, from the opening of the connection or from the first byte after an answer."""
    idle_seconds: int = 15
    """Time between an answer and the next request."""
    request_bytes: int = 1 << 17
    """Bytes of a request, with its head and its body."""

    def fitting(self, descriptors: int) -> ConnectionLimits:
        """Return limits for a process that may open so many ``descriptors``; a quarter is left for its own files."""
        connections = max(2, min(self.connections, descriptors // 2))
        return replace(
            self,
            connections=connections,
            without_token=min(self.without_token, connections // 2),
            backlog=max(1, min(self.backlog, descriptors // 4)),
        )


def raise_descriptor_limit(wanted: int = WANTED_DESCRIPTORS) -> int:
    """Allow this process ``wanted`` descriptors, if the system lets it.

    Returns:
        The number of descriptors that it may open.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    more = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (more, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class OpenConnections:
    """All open connections, oldest first. It makes room for a new one, so that nobody can take all places.

    A connection is *admitted* once a request on it has shown the token. Room is made first by those that are not
    admitted, then by admitted ones that wait for no answer; the oldest goes first.

    Args:
        limits: the limits.
        clock: returns the time in seconds.
    """

    def __init__(self, limits: ConnectionLimits, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.clock = limits, clock
        self._open: dict[BoundedConnection, None] = {}
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._open)

    def add(self, connection: BoundedConnection) -> None:
        """Add a new connection, and close as many others as the limits ask for; or the new one, if all are busy."""
        self._open[connection] = None
        waiting = [other for other in self._open if not other.admitted]
        same = [other for other in waiting if other.address == connection.address]
        if len(same) > self.limits.without_token:
            self.drop(same[0])
        if len(self._open) > self.limits.connections:
            idle = min((c for c in self._open if not c.busy), key=lambda c: c.since, default=connection)
            self.drop(next((other for other in waiting if other in self._open and other is not connection), idle))

    def remove(self, connection: BoundedConnection) -> None:
        """Forget a connection that has ended."""
        self._open.pop(connection, None)

    def drop(self, connection: BoundedConnection) -> None:
        """Close a connection at once."""
        self.dropped += 1
        self.remove(connection)
        connection.transport.abort()

    def shed(self) -> None:
        """Close all connections that are not admitted: the process has no descriptor left."""
        for connection in [other for other in self._open if not other.admitted]:
            self.drop(connection)


class BoundedConnection(H11Protocol):
    """A connection that ends when its request takes too long or is too large."""

    registry: OpenConnections
    """Set by `bounded`, in a subclass for each server."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._admitted = False
        self._received = 0
        self._deadline: asyncio.TimerHandle | None = None
        self.since = 0.0
        """Time of the last answer, or of the opening."""

    @property
    def admitted(self) -> bool:
        """Whether a request on this connection has shown the token."""
        if not self._admitted and self.scope is not None:
            self._admitted = bool(self.scope.get(ADMITTED))
        return self._admitted

    @property
    def busy(self) -> bool:
        """Whether an admitted request waits for its answer."""
        return self.admitted and self.cycle is not None and not self.cycle.response_complete

    @property
    def address(self) -> str:
        """The address of the other side, without its port."""
        return self.client[0] if self.client else ""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Make room for the connection."""
        super().connection_made(transport)
        self.since = self.registry.clock()
        self._await_request()
        self.registry.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Free the place of the connection."""
        self._end_deadline()
        self.registry.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read a part of a request."""
        self._received += len(data)
        if self._received > self.registry.limits.request_bytes:
            self.registry.drop(self)
            return
        if self._deadline is None and (self.cycle is None or self.cycle.response_complete):
            self._await_request()
        super().data_received(data)
        if self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete:
            self._end_deadline()  # the request is complete

    def on_response_complete(self) -> None:
        """Wait for the next request."""
        _ = self.admitted  # the next request has another scope
        self._end_deadline()
        self._received, self.since = 0, self.registry.clock()
        super().on_response_complete()

    def _await_request(self) -> None:
        self._deadline = self.loop.call_later(self.registry.limits.request_seconds, self.registry.drop, self)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def bounded(registry: OpenConnections) -> type[BoundedConnection]:
    """Return the class of the connections of one server."""
    return type("BoundedConnection", (BoundedConnection,), {"registry": registry})
