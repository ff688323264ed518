"""A discovery run as an iterator of its events: the loop works in a thread, one step ahead of the reader at most."""

from __future__ import annotations

import logging
import queue
import threading
import weakref
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from autotts.agent.archive.run_hold import working_on
from autotts.agent.archive.run_report import RunReport, read_report
from autotts.agent.archive.storage.stored_path import StoredPath
from autotts.agent.loop.assembly import RunParts
from autotts.agent.loop.graph import ApprovalCallback
from autotts.agent.loop.steady.graph import discover as run_graph
from autotts.agent.loop.steady.graph import discovery_of
from autotts.agent.records.events import Event, RunStarted
from autotts.agent.reports.run_report.page import page
from autotts.agent.reports.trackers.follow import TrackerThread
from autotts.envs.errors import DamagedFile
from autotts.sandbox.base import Sandbox

from ._archive import ArchiveView

AHEAD = 16
"""Events that may wait for the reader: then the run waits too."""
_POLL = 0.2
_PATIENCE = 30.0
"""Seconds that `DiscoveryRun.close` waits for the step in flight."""


def warn(text: str) -> None:
    """Log a message for the user: a library does not print."""
    logging.getLogger("autotts").warning(text)


class DiscoveryRun(Iterator[Event]):
    """A discovery run: iterate over it for its events, or call `result`.

    The run starts with the first event that is asked for, and works in a thread of its own. It waits when several
    events have not been read. Leaving the loop pauses it; going on reading continues it. `close`, the end of a ``with``
    block, Ctrl-C and the end of the program stop it, at the cost of the step in flight; `autotts.resume` or
    ``autotts resume`` continues it then.

    An error of the run is raised to the reader: `ExplorerError` and `ExplorerFailed` by the explorer, `SandboxError`
    by the sandbox, `DamagedFile`, or whatever an explorer of your own raises.

    Attributes:
        home: the run directory, or the place of the run on a server.
    """

    def __init__(
        self,
        parts: RunParts,
        sandbox: AbstractContextManager[Sandbox],
        follower: TrackerThread | None,
        approve: ApprovalCallback | None,
    ) -> None:
        self.home: Path | StoredPath = parts.run.home
        self._run = parts.run
        self._work = _Work(parts, sandbox, follower, approve)
        self._ended = False
        self._finalizer = weakref.finalize(self, self._work.stop)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        """Return the next event, as soon as it has happened.

        Raises:
            StopIteration: the run has ended, or was closed.
        """
        if self._ended:
            raise StopIteration
        try:
            event = self._work.next()
        except BaseException:
            self.close()
            raise
        if event is None:
            self._ended = True
            raise StopIteration
        return event

    def result(self) -> RunReport:
        """Work to the end of the run, and return its report: ``best``, ``front``, figures of the final evaluation.

        Raises:
            DamagedFile: there is no report, because the run was closed before its end, or a file is damaged.
        """
        for _ in self:
            pass
        report = read_report(self._run)
        if report is None:
            raise DamagedFile(f"{self.home} has no report; continue the run with autotts.resume({str(self.home)!r})")
        return report

    @property
    def archive(self) -> ArchiveView:
        """The versions that have been archived until now."""
        return ArchiveView(self._run.archive)

    def close(self) -> None:
        """Stop the run at once. It can be continued later."""
        self._ended = True
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<discovery run {self.home}>"


class _Closed(Exception):
    """The reader has left."""


class _Work:
    """The thread of a run."""

    def __init__(
        self,
        parts: RunParts,
        sandbox: AbstractContextManager[Sandbox],
        follower: TrackerThread | None,
        approve: ApprovalCallback | None,
    ) -> None:
        self._parts, self._sandbox, self._follower, self._approve = parts, sandbox, follower, approve
        self._events: queue.Queue[Event | None] = queue.Queue(AHEAD)
        self._stopped = threading.Event()
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._lock = ExitStack()

    def next(self) -> Event | None:
        """Return the next event; None at the end. Raises what the run has raised."""
        if self._thread is None:
            self._lock.enter_context(working_on(self._parts.run.home))
            self._thread = threading.Thread(target=self._main, name="autotts-discovery", daemon=True)
            self._thread.start()
        event = self._events.get()
        if event is None:
            self._thread.join()
            if self._error is not None:
                raise self._error
        return event

    def stop(self) -> None:
        self._stopped.set()
        if self._thread is None:
            with self._sandbox, self._resources():
                return
        self._parts.explorer.close()
        self._thread.join(_PATIENCE)

    def _resources(self) -> ExitStack:
        stack = ExitStack()
        if self._follower is not None:
            stack.enter_context(closing(self._follower))
        return stack

    def _main(self) -> None:
        parts = self._parts
        try:
            with self._sandbox as sandbox, self._resources():
                started = RunStarted(sandbox.name)
                parts.run.log(started)
                self._report(started)
                discovery = discovery_of(
                    parts.run, parts.explorer, sandbox, self._report, self._approve is not None, parts.budget, page
                )
                run_graph(discovery, self._approve or (lambda candidates: []))
        except BaseException as error:
            if not self._stopped.is_set():
                error.add_note(f"continue the run with autotts.resume({str(parts.run.home)!r})")
                self._error = error
        finally:
            self._lock.close()
            self._put(None)

    def _report(self, event: Event) -> None:
        if self._follower is not None:
            self._follower.report(event)
        if event.kind is None:  # thousands a second; but each is a chance to stop
            if self._stopped.is_set():
                raise _Closed
        elif not self._put(event):
            raise _Closed

    def _put(self, event: Event | None) -> bool:
        while not self._stopped.is_set():
            try:
                self._events.put(event, timeout=_POLL)
                return True
            except queue.Full:
                continue
        return False
