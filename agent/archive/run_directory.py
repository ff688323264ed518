"""A run directory: its settings, its environments, its archive, its checkpoint and its event log."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from envs import catalogue, store
from envs.episodes import BETAS, MAX_BRANCHES, Episodes, grid
from envs.errors import DamagedFile, InputError
from envs.store import Environment, naming_os_errors, write_atomically

from ..llm.budget import SpendingLimits
from ..records.card import EvaluationProtocol, FrozenModel
from ..records.events import Event, LoggedEvent, RunStarted, read_event
from ..records.migration import renamed
from .archive import Archive

FIRST_SEARCH_ORDER = 1000
"""The first branch order that search may use. Orders below are for reports."""
FIRST_FRESH_ORDER = 1_000_000
"""The first branch order of the last choice, among the best, on orders that the search has not seen."""


Ablation = Literal["traces", "beta", "history"]
"""An idea that a run may leave out, so that its worth can be measured: traces and their diagnosis, the one knob, and
what earlier versions have taught."""
WITHOUT_BETA = (0.5,)
"""The beta grid of a run without the knob."""


class RunConfig(FrozenModel):
    """The settings of a discovery run: with the environments' hashes, all that its result depends on."""

    schema_version: int = 2
    """1 called ``orders`` ``seeds``; it is still read."""
    explorer: str = "evolve"
    generations: int = Field(default=10, ge=0)
    population: int = Field(default=16, ge=1)
    islands: int = Field(default=1, ge=1)
    """Populations that breed apart (`agent.population.islands`)."""
    latency: bool = False
    """Whether latency is a third objective, beside accuracy and tokens."""
    seed: int = 0
    orders: int = Field(default=4, ge=1)
    """Branch orders on which every candidate is tried."""
    betas: tuple[float, ...] = BETAS
    max_branches: int = Field(default=MAX_BRANCHES, ge=1)
    max_tokens: int | None = None
    environments: dict[str, str]
    """Content hash of each search environment, by name."""
    simulated: dict[str, str] = Field(default_factory=dict)
    """The same of those that were simulated from fits of them (`envs.synthetic.simulated`)."""
    simulated_weight: float = Field(default=0.25, gt=0, lt=1)
    """What these count together in every choice; no figure that is shown counts them."""
    ablations: tuple[Ablation, ...] = ()
    screening: bool = True
    """Whether a candidate that cannot come up to the front is given up early (`agent.loop.screening`)."""
    screening_risk: float = Field(default=0.01, gt=0, lt=1)
    """Chance of giving up one that could have."""
    model: str = ""
    """Which language model is asked, where the explorer is one."""
    command: str = ""
    """The coding agent of the explorer `command`: a name, or a command line."""
    agent_minutes: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    agent_tries: int = Field(default=12, ge=1)
    """What a coding agent has for one proposal."""
    agent_variables: tuple[str, ...] = ()
    """Names of the variables of the environment that it gets besides the usual few: that of its key, as a rule."""
    mixture: tuple[str, ...] = ()
    """The explorers of a `mixture`."""
    sandbox: str = "process"
    """Where its candidates run: every card says so too."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return renamed(data, {"seeds": "orders"})

    def protocol(self) -> EvaluationProtocol:
        """Return on what its candidates are measured."""
        return EvaluationProtocol(
            environments=self.environments | self.simulated, betas=self.betas, first_order=FIRST_SEARCH_ORDER,
            orders=self.orders, max_branches=self.max_branches, max_tokens=self.max_tokens,
            simulated=self.simulated_weight if self.simulated else 0.0,
        )  # fmt: skip


class Run:
    """A run directory.

    Args:
        home: the directory; `create` makes one, `Run(home)` opens one.

    Raises:
        InputError: it is not a run directory, or a part of it is damaged.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self.archive = Archive(home / "archive")
        self.staged = home / "staged"
        self.checkpoint = home / "checkpoint.sqlite"
        self._events = home / "events.jsonl"
        path = home / "config.json"
        try:
            self.config = RunConfig.model_validate_json(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{home} is not a run directory: it has no config.json") from None
        except ValidationError as error:
            raise DamagedFile(f"{path}: damaged ({error.errors()[0]['msg']})") from None

    @classmethod
    def create(cls, home: Path, config: RunConfig, environments: Sequence[Environment]) -> Run:
        """Make a run directory with its own copy of the environments, or open it if it is there with this config.

        Raises:
            InputError: the directory holds another run.
            OSError: it could not be written; a directory that was not there before is not left behind.
        """
        if (home / "config.json").exists():
            run = cls(home)
            if run.config != config:
                raise InputError(f"{home} holds a run with other settings; choose another --run, or resume it")
            return run
        _batch(config, environments, FIRST_SEARCH_ORDER)  # refuses what cannot be run before anything is written
        was_there = home.exists()
        try:
            for environment in environments:
                store.save(environment, catalogue.path_of(home / "environments", environment.name))
            write_atomically(home / "config.json", config.model_dump_json(indent=1).encode())
        except BaseException:
            if not was_there:
                shutil.rmtree(home, ignore_errors=True)
            raise
        return cls(home)

    def environments(self, simulated: bool = True) -> list[Environment]:
        """Load the search environments, in the order of the settings; the simulated ones come last.

        Args:
            simulated: whether these are wanted too.

        Raises:
            InputError: one is missing, damaged, or not the one that the run began with.
        """
        hashes = self.config.environments | (self.config.simulated if simulated else {})
        loaded = catalogue.find(self.home / "environments", list(hashes))
        for environment in loaded:
            if environment.hash != hashes[environment.name]:
                raise DamagedFile(f"{self.home}: environment {environment.name} has changed since the run began")
        return loaded

    def episodes(self, environments: Sequence[Environment], first_order: int = FIRST_SEARCH_ORDER) -> Episodes:
        """Return the batch on which every candidate is tried."""
        return _batch(self.config, environments, first_order)

    def limits(self) -> SpendingLimits:
        """Return the limits on what the run may spend.

        Raises:
            Damaged: their file is damaged.
        """
        path = self.home / "limits.json"
        try:
            return SpendingLimits.model_validate_json(path.read_bytes()) if path.exists() else SpendingLimits()
        except ValidationError as error:
            what = error.errors()[0]["msg"]
            raise DamagedFile(f"{path}: damaged ({what}); remove it, and give the limits anew") from None

    def set_limits(self, limits: SpendingLimits) -> None:
        """Keep the limits: they are no part of the settings, for they may be raised."""
        write_atomically(self.home / "limits.json", limits.model_dump_json(indent=1).encode())

    def hours(self) -> float:
        """Return the hours of work on the run: from each start of a process to its last event."""
        total, began, last = 0.0, None, 0.0
        for line in self.events():
            if isinstance(line.event, RunStarted):
                total += last - began if began is not None else 0.0
                began = line.time
            last = line.time
        return (total + (last - began if began is not None else 0.0)) / 3600

    def log(self, event: Event) -> None:
        """Append an event to the event log: the only place in a run that knows the time."""
        line = json.dumps({"time": round(time.time(), 3), "event": event.kind, **event.document()}) + "\n"
        with naming_os_errors(self._events), self._events.open("a", encoding="utf-8") as file:
            file.write(line)

    def events(self) -> list[LoggedEvent]:
        """Return the event log; a line that is damaged, or was cut short by a kill, is left out."""
        found = []
        text = self._events.read_text(encoding="utf-8", errors="replace") if self._events.exists() else ""
        for line in text.splitlines():
            try:
                event = read_event(json.loads(line))
            except (ValueError, RecursionError):
                continue
            if event is not None:
                found.append(event)
        return found


def _batch(c: RunConfig, environments: Sequence[Environment], first_order: int) -> Episodes:
    return grid(environments, c.betas, range(first_order, first_order + c.orders), c.max_branches, c.max_tokens)


def next_home(parent: Path) -> Path:
    """Return the first unused numbered directory under ``parent``."""
    taken = [int(path.name) for path in parent.iterdir() if path.name.isdigit()] if parent.is_dir() else []
    return parent / str(max(taken, default=0) + 1)


def newest_home(parent: Path) -> Path:
    """Return the highest numbered run directory under ``parent``, or else the one that was begun last.

    Raises:
        InputError: there is none.
    """
    homes = [path for path in parent.iterdir() if path.name.isdigit()] if parent.is_dir() else []
    if homes:
        return max(homes, key=lambda path: int(path.name))
    begun = [path.parent for path in parent.glob("*/config.json")]
    if not begun:
        raise InputError(f"no run under {parent}; begin one with `autotts discover`, or name its directory")
    return max(begun, key=lambda path: ((path / "config.json").stat().st_mtime, path.name))
