"""Streams the events of nodes that a LangGraph server runs in threads, and stops the nodes of a cancelled call.

A server that cancels a call does not stop the thread of the running node. The node would go on in parallel with the
nodes of the next call, and would do the same work a second time.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any, cast

from langgraph.config import get_stream_writer

from ..records.events import Event
from .attempts import WorkCancelled
from .nodes import Discovery


class NodeStopped(WorkCancelled):
    """The server has cancelled the call that the node belongs to."""


class WatchedNodes:
    """Counts the nodes that run, and stops them at their next event."""

    def __init__(self) -> None:
        self._running = 0
        self._stopped = False
        self._changed = threading.Condition()

    def of(self, discovery: Discovery) -> Discovery:
        """Return a proxy of the discovery that counts its nodes while they run."""
        return cast(Discovery, _Counted(discovery, self._counted))

    def report(self, event: Event) -> None:
        """Stream an event of the run to clients, as stream mode ``custom``.

        Raises:
            NodeStopped: the nodes are to stop.
        """
        if self._stopped:
            raise NodeStopped(f"stopped at {event}")
        if event.kind is not None:  # the others come from sandbox threads, thousands of them
            get_stream_writer()({"event": event.kind, **event.document()})

    def close(self) -> None:
        """Stop the nodes that run, and return when all of them have ended."""
        with self._changed:
            self._stopped = True
            self._changed.wait_for(lambda: self._running == 0)

    def _counted(self, node: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(node)
        def run(*arguments: Any) -> Any:
            with self._changed:
                if self._stopped:
                    raise NodeStopped("the call was cancelled before the node began")
                self._running += 1
            try:
                return node(*arguments)
            finally:
                with self._changed:
                    self._running -= 1
                    self._changed.notify_all()

        return run


class _Counted:
    def __init__(self, discovery: Discovery, counted: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
        self._discovery, self._count = discovery, counted

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._discovery, name)
        return self._count(attribute) if inspect.ismethod(attribute) else attribute
