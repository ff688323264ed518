"""Progress bars of long commands. They are drawn on standard error, and only if that is a terminal."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn


class ProgressBars:
    """Progress bars, one for each task, that disappear when the context ends. NO_COLOR turns colours off."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.console = Console(stderr=True)
        self.shown = sys.stderr.isatty()
        self._progress = Progress(*columns, console=self.console, transient=True, disable=not self.shown)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def add(self, label: str, total: int | None = None) -> ProgressBar:
        """Return the bar of a new task.

        Args:
            label: a few words, shown before the bar.
            total: the number of steps; None if it is not known, for a bar that only shows that work goes on.
        """
        return ProgressBar(self._progress, self._progress.add_task(escape(label), total=total))


class ProgressBar:
    """The progress bar of one task. Call it with the number of steps that were done since the last call."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def __call__(self, steps: int = 1) -> None:
        self._progress.advance(self._task, steps)

    def label(self, text: str) -> None:
        """Show ``text`` before the bar."""
        self._progress.update(self._task, description=escape(text))

    def reach(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps are done."""
        self._progress.update(self._task, completed=done, total=total)
