"""A web server: uvicorn with bounded connections and a bounded log."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from collections.abc import Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from autotts.envs.counting import counted
from autotts.envs.plain_text import listing

from .connections import ConnectionLimits, OpenConnections, bounded, raise_descriptor_limit

_LOGGERS = ("uvicorn.error", "asyncio")


class BoundedLog(logging.Handler):
    """Writes messages of the server: a few in each minute, some hundreds in all, and then their number alone.

    Args:
        write: writes a text.
        per_minute: messages that are written in a minute.
        most: messages that are written in all.
        longest: characters of a message; a longer one keeps its end, which names the error.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        per_minute: int = 10,
        most: int = 500,
        longest: int = 4000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(logging.WARNING)
        self.per_minute, self.most, self.longest = per_minute, most, longest
        self.left_out = 0
        self._write, self._clock = write, clock
        self._written = self._this_minute = 0
        self._minute = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Write a message, or count it."""
        now = self._clock()
        if now - self._minute >= 60:
            self._minute, self._this_minute = now, 0
        if self._this_minute >= self.per_minute or self._written >= self.most:
            self.left_out += 1
            return
        self._this_minute += 1
        self._written += 1
        left_out, self.left_out = self.left_out, 0
        note = f"({counted(left_out, 'message')} left out)\n" if left_out else ""
        try:
            self._write(f"{note}{listing(self.format(record)[-self.longest :])}\n")
        except Exception:
            self.handleError(record)


class BoundedServer(uvicorn.Server):
    """A server that serves those who have the token, however many connections without it there are.

    Args:
        app: the application, behind its `AccessGuard`.
        limits: the limits; by default those that fit the descriptors that this process may open.
        log: the handler of messages.
        shutdown_seconds: how long requests may still run after the server was told to exit.
    """

    def __init__(
        self,
        app: ASGIApp,
        limits: ConnectionLimits | None = None,
        log: logging.Handler | None = None,
        shutdown_seconds: int = 3,
    ) -> None:
        limits = limits or ConnectionLimits().fitting(raise_descriptor_limit())
        self.open = OpenConnections(limits)
        log = log or BoundedLog(sys.stderr.write)
        for name in _LOGGERS:
            logger = logging.getLogger(name)
            logger.handlers, logger.propagate = [log], False
        super().__init__(
            uvicorn.Config(
                app,
                http=bounded(self.open),
                ws="none",
                loop="asyncio",
                log_config=None,
                log_level="warning",
                access_log=False,
                server_header=False,
                backlog=limits.backlog,
                h11_max_incomplete_event_size=1 << 14,
                timeout_keep_alive=limits.idle_seconds,
                timeout_graceful_shutdown=shutdown_seconds,
            )
        )

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """See `uvicorn.Server.startup`."""
        asyncio.get_running_loop().set_exception_handler(self._loop_failed)
        await super().startup(sockets)

    def _loop_failed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if isinstance(context.get("exception"), OSError) and "socket" in context:
            self.open.shed()  # no descriptor is left; the loop takes new connections again in a second
        loop.default_exception_handler(context)
