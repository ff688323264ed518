"""Live progress of a collection, on standard error: branches done, accuracy so far, speed and time left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from autotts.envs.live.collecting.session import CollectSnapshot

from .bars import shows_progress
from .terminal import TerminalConsole

_EVERY = 0.5
"""Seconds between two looks: the accuracy takes a while to count."""
_TENTHS = 10
"""Without a terminal, a line is printed at each tenth of the branches."""


class CollectDisplay:
    """Shows how far a collection is: a bar on a terminal, else a line at each tenth of the branches.

    Args:
        clock: returns seconds, from any origin.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bar = Progress(
            TextColumn("{task.description}", markup=False), BarColumn(bar_width=20), MofNCompleteColumn(),
            TextColumn("{task.fields[note]}", markup=False),
            console=TerminalConsole(stderr=True), transient=True, disable=not shows_progress(),
        )  # fmt: skip
        self._task = self._bar.add_task("branches", total=None, note="")
        self._looked = float("-inf")
        self._printed = -1

    def __enter__(self) -> CollectDisplay:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def report(self, snapshot: CollectSnapshot) -> None:
        """Show what the collection has reached."""
        collection = snapshot.collection
        tenth = _TENTHS * collection.finished // max(1, collection.total)
        now = self._clock()
        if now - self._looked >= _EVERY or collection.finished == collection.total:
            self._looked = now
            self._bar.update(self._task, total=collection.total, completed=collection.finished, note=state(snapshot))
        if self._printed < 0:
            self._printed = _TENTHS * snapshot.begun // max(1, collection.total)
        if tenth > self._printed:
            self._printed = tenth
            if not shows_progress():
                self.say(f"{collection.finished:,} of {collection.total:,} branches, {state(snapshot)}")

    def say(self, text: str) -> None:
        """Print a line beside the bar."""
        if logging.getLogger("autotts").isEnabledFor(logging.INFO):
            self._bar.console.print(text, highlight=False, soft_wrap=True, markup=False)


def state(snapshot: CollectSnapshot) -> str:
    """Return questions done, accuracy so far, speed and time left, in words."""
    collection = snapshot.collection
    questions = sum(collection.complete(number) for number in range(len(collection.questions)))
    parts = [f"{questions:,} of {len(collection.questions):,} questions"]
    if (accuracy := collection.accuracy()) is not None:
        parts.append(f"right so far: one branch {accuracy[0]:.1f}%, majority {accuracy[1]:.1f}%")
    if collection.lost:
        parts.append(f"{collection.lost:,} lost")
    if snapshot.seconds > 0:
        parts.append(f"{snapshot.generated / snapshot.seconds:,.0f} tokens/s")
    here = collection.finished - snapshot.begun
    if here and collection.finished < collection.total:
        left = snapshot.seconds / here * (collection.total - collection.finished)
        parts.append(f"{duration(left)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Return a time in words: ``45 s``, ``12 min``, ``3.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
