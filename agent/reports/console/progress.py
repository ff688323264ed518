"""Live progress of a run, on standard error."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from ...archive.run_directory import Run
from ...records.events import CandidateEvaluated, EpisodesRun, Event, GenerationArchived, GenerationStarted
from .bars import shows_progress


class ProgressDisplay:
    """Live progress on standard error: a line for each generation, and a progress bar on a terminal."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[note]}"), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True, disable=not shows_progress(),
        )  # fmt: skip
        self._task: TaskID | None = None
        self._began = time.monotonic()
        hours = run.limits().run.hours
        self._most = 3600 * (hours - run.hours()) if hours is not None else float("inf")
        self._episodes = 0
        self._first: int | None = None

    def __enter__(self) -> None:
        self._bar.start()

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Hide the progress bar while the program asks the user."""
        self._bar.stop()
        try:
            yield
        finally:
            self._bar.start()

    def report(self, event: Event) -> None:
        """Show an event of the run."""
        match event:
            case EpisodesRun(count):
                self._episodes += count
            case GenerationStarted(generation, of):
                if self._task is not None:
                    self._bar.remove_task(self._task)
                self._first = generation if self._first is None else self._first
                self._task = self._bar.add_task(f"generation {generation} of {of}", total=None, note="")
            case CandidateEvaluated() if self._task is not None:
                self._bar.update(self._task, total=event.of, completed=event.position, note=self._speed())
            case GenerationArchived():
                self._print(event)

    def _print(self, event: GenerationArchived) -> None:
        if not logging.getLogger("autotts").isEnabledFor(logging.INFO):
            return
        quality = f"best {event.best}, highest quality {event.highest:.2f} (best baseline {event.baselines:.2f})"
        self._bar.console.print(
            f"generation {event.generation:3d}: {event.versions:4d} versions, "
            f"{quality if event.best else 'none ran'}, {self._speed()}, {self._left(event.generation)}",
            highlight=False,
            soft_wrap=True,
        )

    def _speed(self) -> str:
        return f"{self._episodes / max(1e-9, time.monotonic() - self._began):,.0f} episodes/s"

    def _left(self, generation: int) -> str:
        """Return the estimated time left, from the speed of this process and from the limit on hours."""
        done, worked = generation - (self._first or 0) + 1, time.monotonic() - self._began
        left = max(0.0, min((self.run.config.generations - generation) * worked / done, self._most - worked))
        return f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"
