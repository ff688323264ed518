"""The protocol of a tracker, and which ones there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from envs.plugins import find_factory, make

GROUP = "autotts.trackers"
"""Entry points by which other packages offer trackers."""
NONE = "none"
"""The name of no tracker."""


class Tracker(Protocol):
    """Somewhere else where the figures of a run are to be seen.

    Name your own as ``package.module:object``, or as an entry point of the group ``autotts.trackers``: a class or a
    function that is called without arguments.

    All is called from one thread, in the order `start`, `log` for each generation, `end`. Any of it may raise anything:
    that is told once, and the run goes on without the tracker. It may take its time, too: the run does not wait.
    """

    def start(self, run: str, params: Mapping[str, str], id: str | None) -> str:
        """Begin a record, or go on with one.

        Args:
            run: the name of the run's directory.
            params: the run's settings.
            id: what this has returned for the run before, if it has.

        Returns:
            The record's id, by which it can be gone on with.
        """

    def log(self, generation: int, metrics: Mapping[str, float]) -> None:
        """Note the state after a generation. After a crash, the last ones may come again, with the same figures."""

    def end(self, finished: bool, artefacts: Sequence[Path]) -> None:
        """End the record, for good or until the run is resumed.

        Args:
            finished: whether the run is, else it was interrupted or has failed.
            artefacts: files to be kept with it.
        """


def tracker(name: str) -> Tracker:
    """Return the tracker ``name``: "mlflow", "wandb", ``package.module:object``, or an entry point of `GROUP`.

    Raises:
        InputError: there is none, or its package is missing.
    """
    if name == "mlflow":
        from .mlflow import MlflowTracker

        return MlflowTracker()
    if name == "wandb":
        from .wandb import WandbTracker

        return WandbTracker()
    factory = find_factory("tracker", name, GROUP, ("mlflow", "wandb", NONE))
    made: Tracker = make("tracker", name, factory, ("start", "log", "end"))
    return made
