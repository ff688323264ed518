"""Progress bars of long commands. They are drawn on standard error if that is a terminal, and not with `--quiet`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from .terminal import TerminalConsole

T = TypeVar("T")


def shows_progress() -> bool:
    """Return whether standard error is a terminal, and the command is not `--quiet`."""
    return sys.stderr.isatty() and logging.getLogger("autotts").isEnabledFor(logging.INFO)


class ProgressBars:
    """Progress bars, one for each task, that disappear when the context ends. NO_COLOR turns colours off."""

    def __init__(self) -> None:
        label = TextColumn("{task.description}", markup=False)
        columns = (label, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self.console = TerminalConsole(stderr=True)
        self.shown = shows_progress()
        # results go to standard output unchanged, so a command prints them before or after its bars
        self._progress = Progress(
            *columns, console=self.console, transient=True, disable=not self.shown, redirect_stdout=False
        )

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
        return ProgressBar(self._progress, self._progress.add_task(label, total=total))

    def over(self, label: str, items: Sequence[T]) -> Iterator[T]:
        """Yield ``items``, with a bar of those that the caller is done with."""
        bar = self.add(label, len(items))
        for item in items:
            yield item
            bar()


class ProgressBar:
    """The progress bar of one task. Call it with the number of steps that were done since the last call."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def __call__(self, steps: int = 1) -> None:
        self._progress.advance(self._task, steps)

    def label(self, text: str) -> None:
        """Show ``text`` before the bar."""
        self._progress.update(self._task, description=text)
