"""MLflow (the extra `mlflow`). MLFLOW_TRACKING_URI and MLFLOW_EXPERIMENT_NAME name the server and the experiment."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

_LONGEST = 6000
"""Longest parameter that MLflow accepts, in characters."""


class MlflowTracker:
    """Writes through `MlflowClient`: the "fluent" functions would add the user, the command line and the repository."""

    def __init__(self) -> None:
        try:
            import mlflow.tracking  # noqa: F401
        except ImportError:
            raise InputError(f"the tracker mlflow needs its package: {install_command('mlflow')}") from None

    def start(self, run: str, params: Mapping[str, str], id: str | None) -> str:
        """Begin a run of the experiment, or resume one."""
        from mlflow.entities import Param
        from mlflow.tracking import MlflowClient

        self._client = MlflowClient()
        if id is None:
            name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "AutoTTS")
            experiment = self._client.get_experiment_by_name(name)
            within = experiment.experiment_id if experiment else self._client.create_experiment(name)
            id = str(self._client.create_run(within, run_name=run).info.run_id)
            self._client.log_batch(id, params=[Param(key, value[:_LONGEST]) for key, value in params.items()])
        else:
            self._client.update_run(id, status="RUNNING")
        self._id = id
        return id

    def log(self, generation: int, metrics: Mapping[str, float]) -> None:
        """Record metrics at the step of the generation."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(self._id, metrics=[Metric(key, x, now, generation) for key, x in metrics.items()])

    def end(self, finished: bool, artefacts: Sequence[Path]) -> None:
        """Attach the artefacts, and record how the run ended."""
        for path in artefacts:
            self._client.log_artifact(self._id, str(path))
        self._client.set_terminated(self._id, "FINISHED" if finished else "KILLED")
