"""The protocol of an experiment tracker, and the available trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from autotts.envs.plugins import find_factory, make

GROUP = "autotts.trackers"
"""Group of entry points with which other packages provide trackers."""
NONE = "none"
"""The name that stands for no tracker."""
BUILT_IN = ("mlflow", "wandb", NONE)


class Tracker(Protocol):
    """An external service that displays the metrics of a run.

    Your own tracker is named as ``package.module:object``, or as an entry point of the group ``autotts.trackers``: a
    class or a function that is called without arguments.

    All methods are called from one thread, in the order `start`, `log` for each generation, `end`. They may raise any
    exception: it is reported once, and the run continues without the tracker. They may be slow: the run does not wait.
    """

    def start(self, run: str, params: Mapping[str, str], id: str | None) -> str:
        """Begin a record, or continue one.

        Args:
            run: name of the run's directory.
            params: settings of the run.
            id: the id that an earlier call returned for this run, if any.

        Returns:
            The id with which the record can be continued.
        """

    def log(self, generation: int, metrics: Mapping[str, float]) -> None:
        """Record the state after a generation. After a crash, the last ones may be repeated with equal values."""

    def end(self, finished: bool, artefacts: Sequence[Path]) -> None:
        """End the record, for good or until the run resumes.

        Args:
            finished: whether the run is finished; otherwise it was interrupted or failed.
            artefacts: files to attach to the record.
        """


def tracker(name: str) -> Tracker:
    """Return the tracker ``name``: "mlflow", "wandb", ``package.module:object``, or an entry point of `GROUP`.

    Raises:
        InputError: there is no such tracker, or its package is missing.
    """
    if name == "mlflow":
        from .mlflow import MlflowTracker

        return MlflowTracker()
    if name == "wandb":
        from .wandb import WandbTracker

        return WandbTracker()
    factory = find_factory("tracker", name, GROUP, BUILT_IN)
    made: Tracker = make("tracker", name, factory, ("start", "log", "end"))
    return made
