"""Weights & Biases (the extra `wandb`). WANDB_PROJECT, WANDB_MODE and other variables configure it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command

_SILENT = {
    "silent": True, "console": "off", "disable_git": True, "disable_code": True, "save_code": False,
    "x_disable_stats": True, "x_disable_meta": True, "x_disable_machine_info": True,
}  # fmt: skip
"""Sends only logged values: not the terminal, the command line, the repository, or the machine."""


class WandbTracker:
    """Writes a run of Weights & Biases; each generation is a step."""

    def __init__(self) -> None:
        try:
            import wandb  # noqa: F401
        except ImportError:
            raise InputError(f"the tracker wandb needs its package: {install_command('wandb')}") from None
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def start(self, run: str, params: Mapping[str, str], id: str | None) -> str:
        """Begin a run of the project, or resume one."""
        import wandb

        mode = os.environ.get("WANDB_MODE", "online")
        if mode == "online" and not wandb.login(prompt=False):
            raise PermissionError("no key: set WANDB_API_KEY, or WANDB_MODE=offline")  # wandb would ask at the terminal
        if not os.environ.get("WANDB_DIR") and mode == "online":
            self._directory = tempfile.TemporaryDirectory(prefix="autotts-wandb-")
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "autotts"), name=run, id=id, resume="allow", config=dict(params),
            dir=self._directory.name if self._directory else None, settings=wandb.Settings(**_SILENT),
        )  # fmt: skip
        return str(self._run.id)

    def log(self, generation: int, metrics: Mapping[str, float]) -> None:
        """Record metrics at the step of the generation."""
        self._run.log(dict(metrics), step=generation)

    def end(self, finished: bool, artefacts: Sequence[Path]) -> None:
        """Attach the artefacts, and wait until everything is sent."""
        for path in artefacts:
            self._run.save(str(path), base_path=str(path.parent), policy="now")
        self._run.finish(exit_code=0 if finished else 1)
        if self._directory:
            self._directory.cleanup()
