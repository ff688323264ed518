"""Assembles the parts of a run: its settings, limits, journal of calls, and explorer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from autotts.envs.counting import counted
from autotts.envs.errors import InputError
from autotts.envs.store import Environment
from autotts.envs.synthetic.simulated import is_simulated, simulate

from ..archive.run_directory import Run, RunConfig
from ..explorers.coding_agent.explorer import spent
from ..explorers.registry import check_limits, make_explorer, with_model, workspaces
from ..llm.budget import LlmBudget, SpendingLimit, SpendingLimits
from ..llm.calls import CallJournal
from ..llm.prices import Prices
from ..records.explorer import EVOLUTIONARY, Explorer

POPULATION = dict.fromkeys(EVOLUTIONARY, 16)
"""Default number of candidates of a generation, by explorer: these cost nothing."""
FEW = 4
"""Default number of candidates of a generation for every other explorer."""
GENERATIONS = 10
"""Default number of generations."""
ENDLESS = 10_000
"""Default number of generations with a limit on hours: the limit ends the run long before."""
MOST_SIMULATED = 64
"""Largest number of simulated environments of a run."""


@dataclass(frozen=True, slots=True)
class RunParts:
    """A run, its explorer, its journal of calls and its budget."""

    run: Run
    explorer: Explorer
    calls: CallJournal
    budget: LlmBudget


def assemble(run: Run, prices: Prices, data: Path, explorer: Explorer | None = None) -> RunParts:
    """Return the parts of ``run``; the budget includes the spending of earlier processes.

    Args:
        run: a new run, or one to resume.
        prices: prices of language models.
        data: the data root, which coding agents must not see.
        explorer: replaces the explorer that the settings name.

    Raises:
        InputError: a setting of the explorer is missing or wrong, or a limit is in dollars without a price.
        ExplorerError: an API key is missing.
    """
    limits = run.limits()
    check_limits(run.config, prices, limits.run, limits.generation)
    budget = LlmBudget(limits, hours_before=run.hours())
    calls = CallJournal(run.home / "calls", run.config.seed, prices, budget)
    agents = workspaces(run)
    for generation, spending in (spent(agents) if agents else {}).items():
        budget.record(generation, spending)
    if explorer is None:
        explorer = make_explorer(run, calls, run.log, data)
    return RunParts(run, explorer, calls, budget)


def default_population(explorer: str) -> int:
    """Return the default number of candidates of a generation."""
    return POPULATION.get(explorer, FEW)


def check_sizes(generations: int | None, population: int, islands: int) -> None:
    """Check that the sizes of a run fit each other.

    Raises:
        InputError: a size is negative, or there are more islands than candidates.
    """
    if generations is not None and generations < 0:
        raise InputError(f"generations is {generations}, but must not be negative")
    if islands > population:
        raise InputError(f"{islands} islands are more than the {population} candidates of a generation")


def simulated_environments(
    environments: Sequence[Environment], count: int, weight: float, seed: int, notice: Callable[[str], None]
) -> list[Environment]:
    """Fit the recorded environments, and return ``count`` simulated ones.

    Args:
        environments: the recorded environments.
        count: number of simulated environments, from 0 to `MOST_SIMULATED`.
        weight: weight of all simulated environments together, in (0, 1).
        seed: seed of the run.
        notice: called with a message before the slow fit begins.

    Raises:
        InputError: an environment is simulated already, or a number is out of range.
    """
    named = [env.name for env in environments if is_simulated(env.name)]
    if named:
        raise InputError(f"{named[0]} is a simulated environment of a run: name recorded ones, and use --simulated")
    if not 0 <= count <= MOST_SIMULATED:
        raise InputError(f"simulated is {count}, but 0 to {MOST_SIMULATED} environments can be simulated")
    if not 0 < weight < 1:
        raise InputError(f"simulated weight is {weight:g}, but must lie between 0 and 1")
    if count:
        fitted = counted(min(count, len(environments)), "environment")
        notice(f"fitting a model to {fitted}, for {counted(count, 'simulated environment')}")
    return list(simulate(environments, count, seed))


def update_limits(run: Run, total: SpendingLimit, each: SpendingLimit) -> SpendingLimits:
    """Replace the limits of the run for which a new value is given (not None), store them, and return all limits."""
    before = run.limits()

    def replaced(old: SpendingLimit, new: SpendingLimit) -> SpendingLimit:
        return old.model_copy(update=new.model_dump(exclude_none=True))

    limits = SpendingLimits(run=replaced(before.run, total), generation=replaced(before.generation, each))
    if limits != before:
        run.set_limits(limits)
    return limits


def new_config(
    environments: Sequence[Environment], simulated: Sequence[Environment], held_out: Sequence[Environment] = (),
    **settings: Any,
) -> RunConfig:  # fmt: skip
    """Return the settings of a new run.

    Raises:
        InputError: a setting is unknown or has a wrong value.
    """
    try:
        config = RunConfig(
            environments={env.name: env.hash for env in environments},
            simulated={env.name: env.hash for env in simulated},
            held_out={env.name: env.hash for env in held_out},
            **settings,
        )
    except ValidationError as error:
        wrong = error.errors()[0]
        raise InputError(f"setting {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from None
    return with_model(config)
