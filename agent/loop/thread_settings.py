"""Settings of a thread of a LangGraph server, and the run directory that the thread works on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import read_sealed, write_sealed
from autotts.sandbox.choice import open_sandbox

from ..archive.resolve import environments
from ..archive.run_directory import Run, RunConfig
from ..archive.storage.addresses import located
from ..archive.storage.stored_path import AnyPath

RUN_VARIABLE = "AUTOTTS_RUN"
"""Environment variable: the run directory of every thread whose settings name none."""
GENERATIONS, POPULATION, ORDERS = 2, 4, 1
"""Defaults of a new run, which are small."""


class ThreadSettings(BaseModel):
    """The settings that a client of the server may send. A thread stores them: a later call need not repeat them.

    All but `run` and `approve` are settings of a new run. A run directory that exists already keeps its settings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    run: str | None = Field(None, description="Run directory. Default: $AUTOTTS_RUN, else a directory of the thread.")
    approve: bool | None = Field(None, description="Interrupt before new candidates run. Default: false.")
    environments: tuple[str, ...] | None = Field(
        None, description="Names or patterns of the search set. Default: the synthetic environments."
    )
    generations: int | None = Field(None, ge=0, description=f"Generations of a new run. Default: {GENERATIONS}.")
    population: int | None = Field(None, ge=1, description=f"Candidates of a generation. Default: {POPULATION}.")
    orders: int | None = Field(None, ge=1, description=f"Branch orders to try a candidate on. Default: {ORDERS}.")
    seed: int | None = Field(None, description="Seed of the run. Default: 0.")
    sandbox: Literal["auto", "docker", "bubblewrap", "process"] | None = Field(
        None, description="Where candidates run. Default: auto, the strongest that this machine has."
    )


class Thread:
    """The settings of a thread of a LangGraph server, and its run.

    Args:
        home: directory of the thread. It holds the thread's settings, and the run if the settings name no other
            directory.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._file = home / "thread.json"

    def stored(self) -> ThreadSettings | None:
        """Return the settings that the thread began with; None if it has not begun.

        Raises:
            DamagedFile: the file of the settings is damaged.
        """
        try:
            return ThreadSettings.model_validate_json(read_sealed(self._file))
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise DamagedFile(f"{self._file}: damaged ({error.errors()[0]['msg']}); begin another thread") from None

    def settings(self, given: Mapping[str, Any]) -> ThreadSettings:
        """Return the settings of the thread: the stored ones, and those that are given now.

        Raises:
            InputError: a setting is unknown, has a wrong value, or differs from the stored one.
        """
        try:
            new = ThreadSettings.model_validate({name: v for name, v in given.items() if not name.startswith("__")})
        except ValidationError as error:
            wrong = error.errors()[0]
            raise InputError(f"setting {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
        old = self.stored()
        if old is None:
            return new
        for name, value in new.model_dump(exclude_none=True, exclude={"approve"}).items():
            if value != getattr(old, name):
                raise InputError(
                    f"thread {self.home.name} began with {name} {getattr(old, name)!r}, not {value!r}; "
                    "leave the setting out, or begin another thread"
                )
        return old.model_copy(update=new.model_dump(exclude_none=True))

    def open(self, settings: ThreadSettings) -> Run:
        """Open the run of the thread, or create it, and store the settings.

        Raises:
            InputError: the run cannot be created with these settings, or exists with other ones.
            SandboxError: the sandbox of a new run cannot be used here.
        """
        home = located(settings.run or os.environ.get(RUN_VARIABLE) or str(self.home), "run")
        if (home / "config.json").exists():
            run = Run(home)
            _must_agree(run, settings)
        else:
            run = _create(home, settings)
        named = settings.model_copy(update={"run": str(home)})
        if named != self.stored():
            write_sealed(self._file, named.model_dump_json(indent=1, exclude_none=True).encode())
        return run

    def run(self) -> Run:
        """Return the run of a thread that has begun.

        Raises:
            InputError: the thread has not begun, or its run directory no longer exists.
        """
        stored = self.stored()
        if stored is None or stored.run is None:
            raise InputError(f"thread {self.home.name} has no run yet; begin one with an empty input")
        return Run(located(stored.run, "run"))


def _create(home: AnyPath, settings: ThreadSettings) -> Run:
    search_set = environments(settings.environments, None)
    with open_sandbox(settings.sandbox or "auto") as sandbox:
        name = sandbox.name
    config = RunConfig(
        generations=GENERATIONS if settings.generations is None else settings.generations,
        population=settings.population or POPULATION, orders=settings.orders or ORDERS, seed=settings.seed or 0,
        environments={env.name: env.hash for env in search_set}, sandbox=name,
    )  # fmt: skip
    return Run.create(home, config, search_set)


def _must_agree(run: Run, settings: ThreadSettings) -> None:
    """Raise `InputError` for settings that differ from those of the run."""
    given: dict[str, object] = {
        "generations": settings.generations, "population": settings.population, "orders": settings.orders,
        "seed": settings.seed,
    }  # fmt: skip
    if settings.sandbox not in (None, "auto"):
        given["sandbox"] = settings.sandbox
    if settings.environments is not None:
        given["environments"] = {env.name: env.hash for env in environments(settings.environments, None)}
    for name, value in given.items():
        if value is not None and value != getattr(run.config, name):
            raise InputError(f"{run.home} is a run with other {name}; leave the setting out, or name another `run`")
