"""Live progress of a run, on standard error."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from autotts.envs.counting import counted
from autotts.envs.plain_text import plain

from ...archive.run_directory import Run
from ...records.events import (
    CandidateEvaluated,
    EpisodesRun,
    Event,
    FinalistsEvaluated,
    GenerationArchived,
    GenerationStarted,
    VersionRejected,
)
from .bars import shows_progress
from .terminal import TerminalConsole


class ProgressDisplay:
    """Live progress on standard error: a line for each generation, and a progress bar on a terminal."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(),
            TextColumn("{task.fields[note]}", markup=False), TimeElapsedColumn(),
            console=TerminalConsole(stderr=True), transient=True, disable=not shows_progress(),
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
                self._first = generation if self._first is None else self._first
                self._begin(f"generation {generation} of {of}")
            case CandidateEvaluated() if self._task is not None:
                self._bar.update(self._task, total=event.of, completed=event.position, note=self._speed())
            case GenerationArchived():
                self._print(
                    f"generation {event.generation:3d}: {counted(event.versions, 'version'):>13}, {_quality(event)}, "
                    f"{self._speed()}, {self._left(event.generation)}"
                )
            case VersionRejected():
                self._print(plain(f"{event.id} is {event.verdict} by its full audit: {event.message}"))
            case FinalistsEvaluated(0, of, where):
                self._begin("final evaluation")
                self._print(f"final evaluation: {counted(of, 'version')} on {where} ...")
            case FinalistsEvaluated(done, of) if self._task is not None:
                self._bar.update(self._task, total=of, completed=done, note=self._speed())

    def _begin(self, label: str) -> None:
        """Show the bar of another part of the run."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(label, total=None, note="")

    def _print(self, line: str) -> None:
        if logging.getLogger("autotts").isEnabledFor(logging.INFO):
            self._bar.console.print(line, highlight=False, soft_wrap=True, markup=False)

    def _speed(self) -> str:
        return f"{self._episodes / max(1e-9, time.monotonic() - self._began):,.0f} episodes/s"

    def _left(self, generation: int) -> str:
        """Return the estimated time left, from the speed of this process and from the limit on hours."""
        done, worked = generation - (self._first or 0) + 1, time.monotonic() - self._began
        left = max(0.0, min((self.run.config.generations - generation) * worked / done, self._most - worked))
        final = "then the final evaluation"
        if generation >= self.run.config.generations:
            return final
        return f"about {left / 60:.0f} min left, {final}" if left >= 90 else f"about {left:.0f} s left, {final}"


def _quality(event: GenerationArchived) -> str:
    """Return the best version, with those that have a higher quality and those that the search started from."""
    if not event.best or event.quality is None:
        return "none ran"
    beside = []
    if event.highest_of and event.highest_of != event.best:
        beside.append(f"highest: {event.highest_of} {event.highest:.2f}")
    if event.given_quality is not None:
        beside.append(f"yours: {event.given} {event.given_quality:.2f}")
    beside.append(f"best baseline {event.baselines:.2f}")
    kind = "best starting version" if event.generation == 0 else "best"
    return f"{kind} {event.best} {event.quality:.2f} ({', '.join(beside)})"
