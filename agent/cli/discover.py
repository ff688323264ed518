"""`autotts discover` and `resume`: runs."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any, NoReturn

from envs import catalogue
from envs.episodes import BETAS
from envs.errors import DamagedFile, InputError
from envs.store import Environment
from envs.synthetic.simulated import is_simulated, simulate
from sandbox.backends.runner import WorkerSandbox
from sandbox.base import SandboxError

from ..archive import resolve
from ..archive.run_directory import WITHOUT_BETA, Ablation, Run, RunConfig, next_home
from ..archive.run_report import TEXT, describe_optimism, read_report
from ..explorers.coding_agent.explorer import spent
from ..explorers.prompts.briefing import opening
from ..explorers.registry import ASKS_A_MODEL, check_requirements, make_explorer, members, with_model, workspaces
from ..llm.budget import LlmBudget, SpendingLimit, SpendingLimits
from ..llm.calls import CallJournal
from ..llm.failures import ExplorerError
from ..llm.prices import Prices, estimate_cost
from ..reports.console.progress import ProgressDisplay
from ..reports.trackers.base import NONE, Tracker, tracker
from ..reports.trackers.follow import TrackerThread, TrackingState

POPULATION = {"evolve": 16}
"""Candidates of a generation unless told otherwise: many where they cost nothing."""
FEW = 4
MOST_SIMULATED = 64
GENERATIONS = 10
ENDLESS = 10_000
"""Generations unless told otherwise: of a run that is to work for some hours, more than there are hours for."""


def discover(args: argparse.Namespace) -> int:
    """Begin a run, or go on with the one in the directory that was named."""
    generations = args.generations
    if generations is None:
        generations = GENERATIONS if args.hours is None else ENDLESS
    if generations < 0:
        raise InputError(f"generations is {generations}, but must not be negative")
    candidates, islands = args.population or POPULATION.get(args.explorer, FEW), args.islands or 1
    if islands > candidates:
        raise InputError(f"{islands} islands are more than the {candidates} candidates of a generation")
    if args.hours is not None:
        args.max_hours = min(args.hours, args.max_hours or args.hours)
    environments = resolve.environments(args.env, args.data)
    simulated = _simulated(environments, args)
    home = Path(args.home) if args.home else next_home(resolve.RUNS)
    config = RunConfig(
        explorer=args.explorer,
        model=args.model or "",
        command=args.command or "",
        agent_minutes=args.agent_minutes,
        agent_tries=args.agent_tries,
        agent_variables=tuple(args.pass_env or ()),
        mixture=tuple(args.mixture or ()),
        generations=generations,
        population=candidates,
        islands=islands,
        latency=args.latency,
        seed=args.seed,
        orders=args.orders,
        betas=BETAS if args.beta else WITHOUT_BETA,
        max_branches=args.max_branches,
        max_tokens=args.max_tokens,
        environments={env.name: env.hash for env in environments},
        simulated={env.name: env.hash for env in simulated},
        simulated_weight=args.simulated_weight,
        ablations=_ablations(args),
        screening=args.screening,
    )
    config = with_model(config)
    check_requirements(config, Prices(Path(args.prices) if args.prices else None))  # refused before anything is written
    _tracker(args.tracker)
    with resolve.sandbox(args) as sandbox:
        run = Run.create(home, config.model_copy(update={"sandbox": sandbox.name}), [*environments, *simulated])
        return _go_on(run, sandbox, args)


def _simulated(environments: Sequence[Environment], args: argparse.Namespace) -> list[Environment]:
    """Return the environments that are to be simulated from fits of the recorded ones."""
    named = [env.name for env in environments if is_simulated(env.name)]
    if named:
        raise InputError(f"{named[0]} was simulated by a run: search on what was recorded, and give --simulated")
    if args.simulated > MOST_SIMULATED:
        raise InputError(f"--simulated is {args.simulated}, but at most {MOST_SIMULATED} environments can be simulated")
    if not 0 < args.simulated_weight < 1:
        raise InputError(f"--simulated-weight is {args.simulated_weight:g}, but must lie between 0 and 1")
    if args.simulated:
        print(f"fitting {min(args.simulated, len(environments))} environments to simulate {args.simulated} from them")
    return list(simulate(environments, args.simulated, args.seed))


def resume(args: argparse.Namespace) -> int:
    """Go on with an interrupted run, or with one that a limit has stopped."""
    run = Run(Path(args.home))
    if args.sandbox == "auto":  # the run's own, so that its archive is that of an undisturbed run
        args.sandbox = run.config.sandbox
    with resolve.sandbox(args) as sandbox:
        return _go_on(run, sandbox, args)


def _ablations(args: argparse.Namespace) -> tuple[Ablation, ...]:
    names: tuple[Ablation, ...] = ("traces", "beta", "history")
    return tuple(name for name in names if not getattr(args, name))


def _limits(run: Run, args: argparse.Namespace) -> SpendingLimits:
    """Return the run's limits, those of the command line in place of what was there before."""
    given = {"dollars": args.max_dollars, "calls": args.max_calls, "hours": args.max_hours}
    each = {"dollars": args.max_dollars_each, "calls": args.max_calls_each, "hours": args.max_hours_each}
    before = run.limits()

    def joined(old: SpendingLimit, new: dict[str, float | None]) -> SpendingLimit:
        return old.model_copy(update={name: value for name, value in new.items() if value is not None})

    limits = SpendingLimits(run=joined(before.run, given), generation=joined(before.generation, each))
    if limits != before:
        run.set_limits(limits)
    return limits


def _go_on(run: Run, sandbox: WorkerSandbox, args: argparse.Namespace) -> int:
    from ..loop.graph import Discovery, discover

    budget = LlmBudget(_limits(run, args), hours_before=run.hours())
    watch = ProgressDisplay(run)
    calls = CallJournal(run.home / "calls", run.config.seed, Prices(Path(args.prices) if args.prices else None), budget)
    for generation, spending in spent(workspaces(run)).items():
        budget.record(generation, spending)
    data = catalogue.data_root(args.data)
    found = make_explorer(run, calls, lambda event, fields: run.log(event, **fields), data)
    print(f"run {run.home}, sandbox {sandbox.name} ({sandbox.about}), {sandbox.workers} workers")
    if set(members(run.config)) & set(ASKS_A_MODEL):
        print(f"{run.config.model}: {_estimate(run, calls)}; spent until now: {budget.spent()}")
    run.log("began", sandbox=sandbox.name)

    def interrupt(*_: object) -> NoReturn:
        found.close()  # or the end of what it is doing would be waited for
        raise KeyboardInterrupt

    following = _following(run, budget, args.tracker)
    signal.signal(signal.SIGINT, interrupt)

    def report(event: str, fields: dict[str, Any]) -> None:
        watch.report(event, fields)
        if following:
            following.report(event, fields)

    try:
        with watch, closing(following) if following else nullcontext():
            discovery = Discovery(run, found, sandbox, report, args.approve, budget)
            discover(discovery, lambda candidates: _ask(candidates, run, watch))
    except KeyboardInterrupt:
        print(f"autotts: interrupted; go on with `autotts resume {run.home}`", file=sys.stderr)
        return 130
    except (SandboxError, ExplorerError) as error:
        raise type(error)(f"{error}; go on with `autotts resume {run.home}`") from error
    return _summary(run, budget)


def _tracker(name: str | None) -> Tracker | None:
    """Return the tracker that was asked for, if one was.

    Raises:
        InputError: there is none of this name, or its package is missing.
    """
    return tracker(name) if name and name != NONE else None


def _following(run: Run, budget: LlmBudget, name: str | None) -> TrackerThread | None:
    """Have a tracker follow the run: the one that was asked for, else the one that has followed it before."""
    kept = TrackingState.of(run.home)
    if name is None and kept is not None:
        try:
            return TrackerThread(run, kept.tracker, tracker(kept.tracker), budget)
        except InputError as error:  # nobody has asked for it just now
            print(f"autotts: {error}; the run goes on without it", file=sys.stderr)
    told = _tracker(name)
    return TrackerThread(run, name, told, budget) if name and told else None


def _estimate(run: Run, calls: CallJournal) -> str:
    left = max(0, run.config.generations - max((card.generation for card in run.archive.cards()), default=0))
    price = calls.prices.of(run.config.model)
    return str(estimate_cost(price, len(opening(run.config.ablations)), left * run.config.population))


def _ask(candidates: Sequence[dict[str, str]], run: Run, watch: ProgressDisplay) -> list[str]:
    """Ask the person at the terminal about each candidate, and return the ids of those that may run.

    Raises:
        KeyboardInterrupt: nobody is there to answer.
    """
    approved = []
    with watch.paused():
        for candidate in candidates:
            print(f"\n{candidate['id']}: {candidate['rationale']}\n\n{candidate['source']}")
            try:
                answer = input(f"run {candidate['id']}? [y/N] ")
            except EOFError:
                print(f"autotts: nobody to approve; see `autotts resume {run.home} --approve`", file=sys.stderr)
                raise KeyboardInterrupt from None
            if answer.strip().lower() in ("y", "yes"):
                approved.append(candidate["id"])
    return approved


def _summary(run: Run, budget: LlmBudget) -> int:
    report = read_report(run)
    if report is None:
        raise DamagedFile(
            f"{run.home / 'report.json'}: missing; remove {run.checkpoint}, and resume: the archive is kept"
        )
    print(f"\nbest: {report.best}, on branch orders that the search has not seen")
    for version, measured in sorted(report.measured.items(), key=lambda item: -item[1]):
        searched = report.searched[version]
        print(f"  {version:24} {measured:6.2f}  (search {searched:6.2f}, change {measured - searched:+.2f})")
    print("  (mean accuracy over the token budgets of the seeds, in per cent)")
    for line in describe_optimism(report.optimism):
        print(f"  {line}")
    print(f"  front, champions, what was learned: {run.home / TEXT}")
    written = {card.id for card in run.archive.cards() if card.generation == 0}
    ahead, behind = report.best_of(written), report.best_of(report.measured.keys() - written)
    if ahead and report.measured[ahead] > (report.measured[behind] if behind else 0.0):
        print(f"  {ahead}, which was hand-written, is still ahead of all that was discovered: search for longer")
    if budget.spent().calls:
        print(f"spent: {budget.spent()}")
    stopped = next((e["stopped"] for e in reversed(run.events()) if e["event"] == "finished"), "")
    if stopped:
        print(f"stopped early: {stopped}; `autotts resume {run.home}` with a higher limit goes on")
    return 0
