"""A run: its settings, environments, archive, checkpoint and event log, in a directory or a database."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError, model_validator

from autotts.envs import catalogue, store
from autotts.envs.episodes import BETAS, MAX_BRANCHES, Episodes, grid
from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.seals import is_sealed, line_content, read_sealed, sealed_line, write_sealed
from autotts.envs.store import Environment, write_atomically

from ..llm.budget import SpendingLimits
from ..records.card import EvaluationProtocol, FrozenModel
from ..records.events import Event, LoggedEvent, RunStarted, read_event
from ..records.given import GivenController
from ..records.migration import renamed
from ..records.version import GIVEN
from .archive import Archive
from .run_hold import holds_no_run
from .storage.addresses import archive_of
from .storage.paths import append_line, on_this_machine, remove_tree
from .storage.stored_path import AnyPath

FIRST_SEARCH_ORDER = 1000
"""The first branch order that search may use. Orders below are for reports."""
FIRST_FRESH_ORDER = 1_000_000
"""The first branch order of the final evaluation. The search uses none of its orders, which is no promise about its
questions: they are those of the search, unless the run holds some out (`RunConfig.holdout`)."""
HELD_OUT = "held_out"
"""The directory of the held-out questions. Nothing that an explorer or the search reads comes from it."""

Ablation = Literal["traces", "beta", "history"]
"""A part of the method that a run leaves out, to measure its effect: traces and their diagnosis, the knob beta, or the
history of earlier versions."""
WITHOUT_BETA = (0.5,)
"""The beta grid of a run with the ablation "beta"."""

_E = TypeVar("_E", bound=Event)


class RunConfig(FrozenModel):
    """The settings of a discovery run. Its result depends on them and on the environments' contents only."""

    schema_version: int = 2
    """1 called ``orders`` ``seeds``; it is still read."""
    explorer: str = "evolve"
    generations: int = Field(default=10, ge=0)
    population: int = Field(default=16, ge=1)
    islands: int = Field(default=1, ge=1)
    """Number of subpopulations with separate ancestries (`agent.population.islands`)."""
    latency: bool = False
    """Whether latency is a third objective, after accuracy and tokens."""
    seed: int = Field(default=0, ge=0)
    orders: int = Field(default=4, ge=1)
    """Branch orders on which every candidate is tried."""
    betas: tuple[float, ...] = BETAS
    max_branches: int = Field(default=MAX_BRANCHES, ge=1)
    max_tokens: int | None = None
    environments: dict[str, str]
    """Content hash of each search environment, by name: of the part that the search may use, if questions are held
    out."""
    holdout: float = Field(default=0.0, ge=0, lt=1)
    """Share of the questions of each benchmark that is held out (`envs.holdout`): no candidate and no explorer meets
    them, and the final evaluation uses no others. 0 lets the search use all."""
    held_out: dict[str, str] = Field(default_factory=dict)
    """Content hash of the held-out questions of each environment, by name."""
    simulated: dict[str, str] = Field(default_factory=dict)
    """Content hash of each simulated environment, by name (`envs.synthetic.simulated`)."""
    simulated_weight: float = Field(default=0.25, gt=0, lt=1)
    """Weight of all simulated environments together in every choice; no figure that is shown includes them."""
    ablations: tuple[Ablation, ...] = ()
    screening: bool = True
    """Whether the evaluation of a candidate stops early if it cannot reach the front (`agent.loop.screening`)."""
    screening_risk: float = Field(default=0.01, gt=0, lt=1)
    """Probability of stopping a candidate that would have reached the front."""
    model: str = ""
    """Name of the language model, for explorers that call one."""
    command: str = ""
    """The coding agent of the explorer `command`: a name, or a command line."""
    agent_minutes: float = Field(default=30.0, gt=0, allow_inf_nan=False)
    agent_tries: int = Field(default=12, ge=1)
    """Minutes, and tries of drafts, that a coding agent has for one proposal."""
    agent_variables: tuple[str, ...] = ()
    """Names of further environment variables that a coding agent gets, such as that of its key."""
    mixture: tuple[str, ...] = ()
    """Names of the explorers of a `mixture`."""
    sandbox: str = "process"
    """Name of the sandbox in which candidates run; every card names it too."""
    given: dict[str, str] = Field(default_factory=dict)
    """Hash of the source of each controller that the search starts from (``--from``), by id."""
    share: str = ""
    """The archive that the run shares with others (`agent.loop.shared_archive`): a directory or an address."""
    staleness: int | None = Field(default=None, ge=0)
    """If set, the search has no barrier between generations (`agent.loop.steady`), and this is the most versions that
    may be archived between the moment at which a brief is made and the archiving of the version that follows from it.
    """
    explorer_by_name: bool = True
    """Whether a later process can make the explorer by its name; False for an object with a state of its own."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return renamed(data, {"seeds": "orders"})

    def protocol(self) -> EvaluationProtocol:
        """Return the protocol with which candidates are evaluated."""
        return EvaluationProtocol(
            environments=self.environments | self.simulated, betas=self.betas, first_order=FIRST_SEARCH_ORDER,
            orders=self.orders, max_branches=self.max_branches, max_tokens=self.max_tokens,
            simulated=self.simulated_weight if self.simulated else 0.0,
        )  # fmt: skip


class Run:
    """A run in a directory or a database.

    Args:
        home: the directory, or the place in a database; `create` makes one, `Run(home)` opens one.

    Raises:
        InputError: ``home`` is not a run directory.
        DamagedFile: its settings are damaged.
    """

    def __init__(self, home: AnyPath) -> None:
        self.home = home
        self.archive = Archive(archive_of(home))
        self.staged = home / "staged"
        self.checkpoint = home / "checkpoint.sqlite"
        self._events = home / "events.jsonl"
        path = home / "config.json"
        try:
            self.config = RunConfig.model_validate_json(read_sealed(path))
        except (FileNotFoundError, NotADirectoryError):
            raise InputError(f"{home} is not a run directory: it has no config.json") from None
        except ValidationError as error:
            raise DamagedFile(f"{path}: damaged ({error.errors()[0]['msg']})") from None

    @property
    def sealed(self) -> bool:
        """Whether its files have checksums; a run that an earlier version began has none."""
        path = self.home / "config.json"
        return is_sealed(path.name, path.read_bytes())

    @classmethod
    def create(
        cls, home: AnyPath, config: RunConfig, environments: Sequence[Environment],
        given: Sequence[GivenController] = (), held_out: Sequence[Environment] = (),
    ) -> Run:  # fmt: skip
        """Create a run directory with its own copy of the environments, or open one that exists with this config.

        Args:
            home: the directory.
            config: the settings.
            environments: the environments that the settings name.
            given: the controllers that the settings name.
            held_out: the held-out questions that the settings name.

        Raises:
            InputError: the directory holds another run.
            OSError: the directory could not be written; a new directory is removed again.
        """
        if (home / "config.json").exists():
            run = cls(home)
            if run.config != config:
                raise InputError(_different(home, run.config, config))
            return run
        _batch(config, environments, FIRST_SEARCH_ORDER)  # raises before anything is written
        existed = home.exists() and not holds_no_run(home)
        try:
            for place, kept in (("environments", environments), (HELD_OUT, held_out)):
                for environment in kept:
                    path = home / place / catalogue.path_of(Path(), environment.name).as_posix()
                    store.save(environment, path)
                    write_sealed(path, path.read_bytes())
            for controller in given:
                write_sealed(home / GIVEN / f"{controller.id}.json", controller.model_dump_json(indent=1).encode())
            write_sealed(home / "config.json", config.model_dump_json(indent=1).encode())
        except BaseException:
            if not existed:
                remove_tree(home)
            raise
        return cls(home)

    def environments(self, simulated: bool = True) -> list[Environment]:
        """Load the search environments, in the order of the settings; the simulated ones come last.

        Args:
            simulated: whether to load the simulated environments too.

        Raises:
            InputError: an environment is missing or damaged, or has changed since the run began.
        """
        return self._load("environments", self.config.environments | (self.config.simulated if simulated else {}))

    def held_out(self) -> list[Environment]:
        """Load the held-out questions, in the order of the settings; an empty list if the search may use all.

        Raises:
            InputError: as for `environments`.
        """
        return self._load(HELD_OUT, self.config.held_out)

    def _load(self, directory: str, hashes: dict[str, str]) -> list[Environment]:
        with on_this_machine(self.home / directory) as place:
            loaded = catalogue.find(place, list(hashes))
        for environment in loaded:
            if environment.hash != hashes[environment.name]:
                raise DamagedFile(f"{self.home}: environment {environment.name} has changed since the run began")
        return loaded

    def given(self) -> list[GivenController]:
        """Return the controllers that the search starts from, in the order in which they were given.

        Raises:
            DamagedFile: one is missing or damaged.
        """
        found = []
        for version, digest in self.config.given.items():
            path = self.home / GIVEN / f"{version}.json"
            try:
                controller = GivenController.model_validate_json(read_sealed(path))
            except (OSError, ValidationError, DamagedFile):
                raise DamagedFile(f"{path}: missing or damaged; begin another run with --from") from None
            if controller.source_sha256 != digest:
                raise DamagedFile(f"{path}: has changed since the run began")
            found.append(controller)
        return found

    def given_names(self) -> dict[str, str]:
        """Return the name by which the user gave each controller that the search starts from, by id.

        Raises:
            DamagedFile: one is missing or damaged.
        """
        return {controller.id: controller.origin for controller in self.given()}

    def extend(self, generations: int) -> None:
        """Let the run go on to a larger number of generations; a finished run can then be resumed.

        Raises:
            InputError: the number is less than that of the run.
        """
        if generations < self.config.generations:
            more = "; its limit is that on hours" if self.limits().run.hours is not None else ""
            raise InputError(
                f"{self.home} has {self.config.generations} generations: it can take more, but not {generations}{more}"
            )
        if generations != self.config.generations:
            self.config = self.config.model_copy(update={"generations": generations})
            write = write_sealed if self.sealed else write_atomically  # else older files would seem to lack a checksum
            write(self.home / "config.json", self.config.model_dump_json(indent=1).encode())

    def episodes(self, environments: Sequence[Environment], first_order: int = FIRST_SEARCH_ORDER) -> Episodes:
        """Return the episodes on which every candidate is evaluated."""
        return _batch(self.config, environments, first_order)

    def limits(self) -> SpendingLimits:
        """Return the limits on what the run may spend.

        Raises:
            DamagedFile: the file of the limits is damaged.
        """
        path = self.home / "limits.json"
        try:
            return SpendingLimits.model_validate_json(read_sealed(path)) if path.exists() else SpendingLimits()
        except ValidationError as error:
            what = error.errors()[0]["msg"]
            raise DamagedFile(f"{path}: damaged ({what}); remove it, and give the limits anew") from None

    def set_limits(self, limits: SpendingLimits) -> None:
        """Store the limits. They are not part of the settings, because the user may raise them later."""
        write_sealed(self.home / "limits.json", limits.model_dump_json(indent=1).encode())

    def hours(self) -> float:
        """Return the hours of work on the run: the time from each start of a process to its last event, summed."""
        total, began, last = 0.0, None, 0.0
        for line in self.events():
            if isinstance(line.event, RunStarted):
                total += last - began if began is not None else 0.0
                began = line.time
            last = line.time
        return (total + (last - began if began is not None else 0.0)) / 3600

    def log(self, event: Event) -> None:
        """Append an event to the event log, with the time. Nothing else in a run depends on the time."""
        document = {"time": round(time.time(), 3), "event": event.kind, **event.document()}
        append_line(self._events, sealed_line(json.dumps(document)))

    def events(self) -> list[LoggedEvent]:
        """Return the event log, without damaged lines and lines that a kill has cut short."""
        logged = []
        text = self._events.read_text(encoding="utf-8", errors="replace") if self._events.exists() else ""
        for line in text.splitlines():
            if (inner := line_content(line)) is None:
                continue
            try:
                event = read_event(json.loads(inner))
            except (ValueError, RecursionError):
                continue
            if event is not None:
                logged.append(event)
        return logged

    def events_of(self, kind: type[_E]) -> list[_E]:
        """Return the logged events of one kind, in the order of the log."""
        return [line.event for line in self.events() if isinstance(line.event, kind)]


def _different(home: AnyPath, before: RunConfig, now: RunConfig) -> str:
    """Return the message about a run directory that holds a run with other settings."""
    names = [name for name in RunConfig.model_fields if getattr(before, name) != getattr(now, name)]
    if names == ["generations"]:
        return (
            f"{home} holds a run of {before.generations} generations; `autotts resume {home} --generations "
            f"{now.generations}` changes their number"
        )
    return f"{home} holds a run with other settings ({', '.join(names)}); choose another --run, or resume it"


def _batch(c: RunConfig, environments: Sequence[Environment], first_order: int) -> Episodes:
    return grid(environments, c.betas, range(first_order, first_order + c.orders), c.max_branches, c.max_tokens)


def next_home(parent: Path) -> Path:
    """Return the first unused numbered directory under ``parent``."""
    taken = [int(path.name) for path in parent.iterdir() if path.name.isdigit()] if parent.is_dir() else []
    return parent / str(max(taken, default=0) + 1)


def newest_home(parent: Path) -> Path:
    """Return the run directory under ``parent`` that began last, whatever its name.

    Raises:
        InputError: there is no run directory.
    """
    begun = [path.parent for path in parent.glob("*/config.json")]
    if not begun:
        raise InputError(f"no run under {parent}; begin one with `autotts discover`, or name its directory")
    return max(begun, key=lambda home: (_began(home), home.name))


def _began(home: Path) -> float:
    """Return the time of a run's first event; before it, the time at which the directory got its settings."""
    try:
        with (home / "events.jsonl").open(encoding="utf-8") as file:
            return float(json.loads(line_content(file.readline().rstrip("\n")) or "")["time"])
    except (OSError, ValueError, KeyError, TypeError):
        return (home / "config.json").stat().st_mtime
