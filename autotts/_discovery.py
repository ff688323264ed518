"""Starts or continues a discovery run, and streams its events."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager

from autotts.agent.archive import resolve
from autotts.agent.archive.run_directory import WITHOUT_BETA, Ablation, Run
from autotts.agent.archive.run_hold import refuse_a_second
from autotts.agent.explorers.registry import check_requirements, default_holdout, tell_code
from autotts.agent.explorers.unused_settings import refuse_unused
from autotts.agent.llm.budget import SpendingLimit
from autotts.agent.llm.prices import Prices
from autotts.agent.loop.assembly import (
    ENDLESS,
    GENERATIONS,
    assemble,
    check_sizes,
    default_population,
    new_config,
    simulated_environments,
    update_limits,
)
from autotts.agent.loop.graph import ApprovalCallback
from autotts.agent.loop.shared_archive import open_shared
from autotts.agent.loop.starting_points import starting_points
from autotts.agent.records.explorer import EXPLORER_ATTRIBUTES, Explorer
from autotts.agent.reports.trackers.base import NONE
from autotts.agent.reports.trackers.base import tracker as find_tracker
from autotts.agent.reports.trackers.follow import follow
from autotts.envs import catalogue
from autotts.envs.episodes import BETAS, MAX_BRANCHES
from autotts.envs.errors import InputError
from autotts.envs.holdout import divide
from autotts.envs.plugins import check_attributes, name_of, reference_of
from autotts.sandbox.base import Sandbox
from autotts.sandbox.choice import check_name
from autotts.sandbox.cluster.choice import check_executor

from ._discovery_run import DiscoveryRun, warn
from ._environments import Environments, find_environments
from ._sandboxes import lend_sandbox, sandbox_name
from ._sources import AnyController, found_controller


def discover(
    env: Environments = None,
    *,
    run: str | os.PathLike[str] | None = None,
    explorer: str | Explorer = "evolve",
    start_from: Sequence[AnyController] = (),
    generations: int | None = None,
    population: int | None = None,
    islands: int = 1,
    orders: int = 4,
    betas: Sequence[float] = BETAS,
    seed: int = 0,
    staleness: int | None = None,
    holdout: float | None = None,
    max_branches: int = MAX_BRANCHES,
    max_tokens: int | None = None,
    latency: bool = False,
    simulated: int = 0,
    simulated_weight: float = 0.25,
    screening: bool = True,
    share: str | os.PathLike[str] | None = None,
    without: Sequence[Ablation] = (),
    model: str = "",
    command: str = "",
    pass_env: Sequence[str] = (),
    mixture: Sequence[str] = (),
    max_dollars: float | None = None,
    max_calls: int | None = None,
    max_hours: float | None = None,
    approve: ApprovalCallback | None = None,
    tracker: str | None = None,
    sandbox: str | Sandbox = "auto",
    interpreter: str = "auto",
    workers: int | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    data: str | os.PathLike[str] | None = None,
) -> DiscoveryRun:
    """Search for controllers. The same settings and seed give the same archive, whatever the number of workers.

    The run works while its events are read; see `DiscoveryRun`. A run directory that holds a run with these settings is
    continued.

    Args:
        env: the search set: environments, or names, patterns or paths of them; all under the data root if None, or the
            built-in synthetic ones if it holds none.
        run: the run directory, or the address of a run on a server; a new directory under ``./runs`` if None.
        explorer: who writes candidates: ``evolve``, ``anthropic``, ``openai``, ``command`` (a coding agent),
            ``mixture``, ``package.module:object``, an entry point, or an `Explorer`. A run with an explorer object can
            be continued by name if a variable of its module holds it, or if its class makes an equal one without
            arguments; `resume` takes the object otherwise, and says so.
        start_from: controllers from which the search starts, each as for `evaluate`. They belong to generation 0; the
            first proposals are made from them.
        generations: 10 if None, or as many as fit into ``max_hours``.
        population: candidates of a generation; 16 for evolve and 4 for others if None.
        islands: populations with separate ancestry.
        orders: branch orders of each evaluation.
        betas: the beta grid.
        seed: of every random choice of the run.
        staleness: if given, the search does not wait for whole generations; a proposal is dropped if more versions than
            this were archived since its brief was made. Then the archive follows from the event log, and not from the
            seed alone (`autotts docs search`), and ``approve`` must be None.
        holdout: share of the questions of each benchmark that no candidate and no explorer meets, in [0, 1); the final
            evaluation uses no others. If None, 0 for evolve, and 0.3 for explorers that write free code
            (`Explorer.writes_free_code`).
        max_branches: branches of a question at most.
        max_tokens: tokens of a question at most; None for no limit.
        latency: whether latency is a third objective.
        simulated: simulated environments that are added to the search set.
        simulated_weight: weight of all simulated environments together, in (0, 1).
        screening: whether evaluation stops early for candidates that cannot reach the front.
        share: an archive that other runs on the same environments share, on this machine or on others: a directory, or
            an address as for ``run``. The run adds its versions to it, and tries good versions of the others.
        without: ablations: ``traces``, ``beta`` or ``history``.
        model: the language model of the explorer.
        command: the coding agent: a name, or a command line that contains ``{task}``.
        pass_env: names of environment variables for the coding agent.
        mixture: explorers of a mixture.
        max_dollars: the run spends at most so many dollars.
        max_calls: the run makes at most so many calls of a model.
        max_hours: the run works for at most so many hours.
        approve: called, in another thread, with the candidates of a step (id, rationale and source of each) before
            they run; returns the ids of those that may run. None lets all run.
        tracker: ``mlflow``, ``wandb``, ``package.module:object`` or an entry point; None for no tracker.
        sandbox: see `evaluate`.
        workers: worker processes; one for each core, or for each CPU of the nodes, if None.
        executor: where the sandbox is: ``local``, or ``ray`` (the nodes of a Ray cluster, each with its own sandbox).
        ray_address: of the cluster; ``$RAY_ADDRESS``, else Ray is started on this machine until the end, if None.
        data: the data root; ``$AUTOTTS_DATA``, else ``./data``, if None.

    Raises:
        InputError: an environment or a setting cannot be used, the run directory holds another run, or another process
            works on it. Nothing was written.
        MissingKey: a key is missing (an `InputError`, and an `ExplorerError`).
        SandboxError: the sandbox does not work on this machine.
    """
    own = _own(explorer)
    name, by_name = (explorer, True) if isinstance(explorer, str) else reference_of(explorer)
    candidates = default_population(name) if population is None else population
    check_sizes(generations, candidates, islands)
    if staleness is not None and approve is not None:
        raise InputError("approve waits for an answer, and a search with a staleness waits for nobody: leave one out")
    check_executor(executor, ray_address)
    if isinstance(sandbox, str):
        check_name(sandbox)
    if tracker is not None and tracker != NONE:
        find_tracker(tracker)
    held = default_holdout(name, mixture, own) if holdout is None else holdout
    parts = divide(find_environments(env, data), held, seed)
    made = simulated_environments(parts.searched, simulated, simulated_weight, seed, warn)
    given = starting_points([found_controller(each) for each in start_from], warn, [*parts.searched, *made])
    if generations is None:
        generations = GENERATIONS if max_hours is None else ENDLESS
    config = new_config(
        parts.searched, made, parts.held_out, holdout=held, explorer=name, generations=generations,
        population=candidates, islands=islands, orders=orders, seed=seed, max_branches=max_branches,
        max_tokens=max_tokens, betas=WITHOUT_BETA if "beta" in without else tuple(betas),
        latency=latency, simulated_weight=simulated_weight, screening=screening,
        share="" if share is None else os.fspath(share),
        ablations=tuple(without), model=model, command=command, agent_variables=tuple(pass_env),
        mixture=tuple(mixture), explorer_by_name=by_name, staleness=staleness,
        given={controller.id: controller.source_sha256 for controller in given},
    )  # fmt: skip
    limits = SpendingLimit.of(dollars=max_dollars, calls=max_calls, hours=max_hours)
    spending = {"max_dollars": max_dollars, "max_calls": max_calls}
    agent = {"command": command, "pass_env": tuple(pass_env), "mixture": tuple(mixture)}
    if own is None:
        refuse_unused(config, {"model": model, **agent, **spending})
        check_requirements(config, Prices(), limits)
    recorded = str(sandbox)
    if executor == "local":
        with lend_sandbox(sandbox, _count(workers), interpreter=interpreter) as lent:
            recorded = sandbox_name(sandbox, lent)
    open_shared(config)
    home = resolve.new_home(None if run is None else os.fspath(run))
    refuse_a_second(home)
    config = config.model_copy(update={"sandbox": recorded})
    begun = Run.create(home, config, [*parts.searched, *made], given, parts.held_out)
    lending = lend_sandbox(sandbox, _count(workers), None, executor, ray_address, interpreter)
    return _continued(begun, own, lending, limits, approve, tracker, data)


def resume(
    run: str | os.PathLike[str],
    *,
    explorer: Explorer | None = None,
    generations: int | None = None,
    max_dollars: float | None = None,
    max_calls: int | None = None,
    max_hours: float | None = None,
    approve: ApprovalCallback | None = None,
    tracker: str | None = None,
    sandbox: str | Sandbox | None = None,
    interpreter: str = "auto",
    workers: int | None = None,
    executor: str = "local",
    ray_address: str | None = None,
    data: str | os.PathLike[str] | None = None,
) -> DiscoveryRun:
    """Continue a run that was interrupted, or that a limit has stopped. A finished run can take more generations.

    The archive is then the same, bit for bit, as that of a run that was begun with the larger number.

    Args:
        run: the run directory.
        explorer: the object that the run began with, if it cannot be made again by its name.
        generations: a larger number of generations in all; None keeps that of the run.
        max_dollars: a new limit for the whole run; None keeps the old one, as for the next two.
        max_calls: see `discover`, as for all other arguments.
        max_hours: see `discover`.
        approve: see `discover`.
        tracker: None for the tracker of earlier processes.
        sandbox: the sandbox of the run if None.
        interpreter: see `evaluate`; it may be another than until now.
        workers: see `discover`.
        executor: see `discover`; a run may go on elsewhere than it began.
        ray_address: see `discover`.
        data: see `discover`.

    Raises:
        InputError: it is no run directory, another process works on it, or its explorer cannot be made.
        DamagedFile: a part of it is damaged.
        SandboxError: the sandbox does not work on this machine.
    """
    begun = resolve.chosen_run(os.fspath(run))
    refuse_a_second(begun.home)
    tell_code(begun, sandbox if isinstance(sandbox, str) else None)
    limits = SpendingLimit.of(dollars=max_dollars, calls=max_calls, hours=max_hours)
    chosen = begun.config.sandbox if sandbox is None else sandbox
    own = None if explorer is None else _own(explorer)
    if generations is not None:
        begun.extend(generations)
    lending = lend_sandbox(chosen, _count(workers), None, executor, ray_address, interpreter)
    return _continued(begun, own, lending, limits, approve, tracker, data)


def _own(explorer: str | Explorer) -> Explorer | None:
    """Return the explorer if it is an object.

    Raises:
        InputError: it lacks an attribute of the protocol.
    """
    if isinstance(explorer, str):
        return None
    if isinstance(explorer, type):
        raise InputError(f"explorer is the class {explorer.__name__}, but must be an object: {explorer.__name__}()")
    check_attributes("explorer", name_of(explorer), explorer, EXPLORER_ATTRIBUTES)
    return explorer


def _count(workers: int | None) -> int | None:
    if workers is not None and workers < 1:
        raise InputError(f"workers is {workers}, but must be at least 1")
    return workers


def _continued(
    run: Run, explorer: Explorer | None, lending: AbstractContextManager[Sandbox], limits: SpendingLimit,
    approve: ApprovalCallback | None, tracker: str | None, data: str | os.PathLike[str] | None,
) -> DiscoveryRun:  # fmt: skip
    update_limits(run, limits, SpendingLimit())
    root = catalogue.data_root(None if data is None else os.fspath(data))
    parts = assemble(run, Prices(), root, explorer)
    follower = follow(run, parts.budget, tracker, warn)
    return DiscoveryRun(parts, lending, follower, approve)
