"""The server of the gateway: SIGTERM and Ctrl-C drain it, SIGHUP looks for another version of the controller."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine
from types import FrameType
from typing import Any

from autotts.sandbox.outcome import Candidate

from ..web.connections import ConnectionLimits, raise_descriptor_limit
from ..web.server import BoundedServer
from .app import PATHS, create
from .errors import GatewayError
from .gateway import Gateway
from .gateway_guard import READ_TO_REFUSE, ApiKeys, GatewayGuard

_HEAD_BYTES = 1 << 16
"""Bytes of a request beside its body."""
_OTHER_DESCRIPTORS = 1024
"""Descriptors for connections to the server of the model, and for workers."""
_SHUTDOWN_SECONDS = 5
"""Seconds that connections have after the requests have ended."""


class GatewayServer(BoundedServer):
    """Serves a gateway until a signal ends it.

    The first SIGTERM or SIGINT drains it: `/readyz` answers 503, new questions are refused, running ones end, and the
    server exits with code 0. After the second one, running questions get the vote so far. The third ends all at once.
    SIGHUP calls ``find`` for the controller again.

    Args:
        gateway: the gateway, whose first controller is in service.
        keys: the keys of clients.
        find: returns the controller that the user named, as it is now.
    """

    def __init__(self, gateway: Gateway, keys: ApiKeys, find: Callable[[], Candidate]) -> None:
        settings = gateway.settings
        wanted = ConnectionLimits(
            connections=4 * (settings.questions + settings.queue) + 64,
            without_token=2 * (settings.questions + settings.queue),  # all clients may connect in one moment
            request_bytes=READ_TO_REFUSE * settings.request_bytes + _HEAD_BYTES,
            request_seconds=60,
        )
        self.gateway, self._find = gateway, find
        self._tasks: set[asyncio.Task[None]] = set()
        self._signals = 0
        descriptors = raise_descriptor_limit(2 * wanted.connections + _OTHER_DESCRIPTORS)
        guard = GatewayGuard(create(gateway), keys, settings.request_bytes, self._refused, self._answered)
        super().__init__(guard, wanted.fitting(descriptors), shutdown_seconds=_SHUTDOWN_SECONDS)

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """See `uvicorn.Server.startup`."""
        await super().startup(sockets)
        if threading.current_thread() is threading.main_thread():  # others get no signals
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.change_controller)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Count a signal to end. `uvicorn` would raise it again in the end, which is no exit code 0."""
        self._signals += 1
        if self._signals > 2:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """See `uvicorn.Server.on_tick`, which the server calls ten times a second."""
        if self._signals and not self.gateway.admission.draining:
            self.gateway.admission.draining = True
            self._start(self._drain())
        if self._signals > 1:
            self.gateway.hurry()
        return await super().on_tick(counter)

    def change_controller(self) -> None:
        """Look for another version of the controller, beside the requests that run."""
        self._start(self.gateway.change_controller(self._find))

    async def _drain(self) -> None:
        await self.gateway.drain()
        self.should_exit = True

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _refused(self, error: GatewayError) -> None:
        self.gateway.metrics.refused.labels(error.code).inc()

    def _answered(self, path: str, status: int) -> None:
        self.gateway.metrics.requests.labels(path if path in PATHS else "other", str(status)).inc()
