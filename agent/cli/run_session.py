"""Drives a discovery run from the terminal: limits, progress, approval, tracker and summary.

`autotts discover` and `autotts resume` import this module when they run.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from typing import NoReturn

from pydantic import BaseModel

from autotts.envs import catalogue
from autotts.envs.errors import DamagedFile, InputError
from autotts.sandbox.base import Sandbox, SandboxError
from autotts.sandbox.choice import describe, interpreter_of

from .. import population
from ..archive.best import BestVersion, best_version, label
from ..archive.resolve import workers
from ..archive.run_directory import Run
from ..archive.run_report import TEXT, RunReport, describe_gap, describe_optimism, read_report
from ..explorers.prompts.briefing import opening
from ..explorers.registry import CALL_A_MODEL, check_limits, members
from ..llm.budget import LlmBudget, Spending, SpendingLimit
from ..llm.calls import CallJournal
from ..llm.failures import ExplorerError
from ..llm.prices import Prices, estimate_cost
from ..loop.assembly import assemble, update_limits
from ..loop.steady.turns import TurnEvent
from ..records.events import Event, RunFinished, RunStarted
from ..records.explorer import Explorer
from ..reports.console.progress import ProgressDisplay
from ..reports.run_report.page import page
from ..reports.trackers.base import NONE, Tracker, tracker
from ..reports.trackers.follow import follow
from . import json_output
from .messages import notice, warn


def run_discovery(
    run: Run, sandbox: Sandbox, args: argparse.Namespace, own: Explorer | None = None, turns: Sequence[TurnEvent] = ()
) -> int:
    """Run the discovery loop to its end or to the next interruption, and return the exit code.

    Args:
        run: the run.
        sandbox: where candidates run.
        args: the options of the command.
        own: replaces the explorer that the settings of the run name.
        turns: the turns of another run with a steady state, whose order this run follows.

    Raises:
        InputError: the explorer or the tracker cannot be used with these settings.
        SandboxError: the sandbox failed.
        ExplorerError: the explorer failed.
    """
    # LangGraph takes a second to import: wrong usage fails before
    from ..loop.steady.graph import discover, discovery_of

    if args.approve and args.json == json_output.ALONE:
        raise InputError("--approve asks on standard output, so --json needs a file")
    prices, (total, each) = Prices(Path(args.prices) if args.prices else None), limits_of(args)
    check_limits(run.config, prices, total, each)
    update_limits(run, total, each)
    display = ProgressDisplay(run)
    parts = assemble(run, prices, catalogue.data_root(args.data), own)
    explorer, calls, budget = parts.explorer, parts.calls, parts.budget
    number = getattr(sandbox, "slots", 0) or workers(args.workers)
    notice(f"run {run.home}, sandbox {describe(sandbox)}, {number} workers")
    if set(members(run.config)) & set(CALL_A_MODEL):
        notice(f"{run.config.model}: {_estimate(run, calls)}; spent until now: {budget.spent()}")
        if prices.find(run.config.model) is None:
            notice(
                f"no price is known for the model {run.config.model!r}: tokens are counted, dollars are not "
                "(--prices FILE names a file of prices)"
            )
    run.log(RunStarted(sandbox.name, interpreter_of(sandbox)))

    def interrupt(*_: object) -> NoReturn:
        explorer.close()  # otherwise the process would wait until the explorer has finished its request
        raise KeyboardInterrupt

    follower = follow(run, budget, args.tracker, warn)
    signal.signal(signal.SIGINT, interrupt)

    def report(event: Event) -> None:
        display.report(event)
        if follower:
            follower.report(event)

    try:
        with display, closing(follower) if follower else nullcontext():
            discovery = discovery_of(
                run, explorer, sandbox, report, args.approve, budget, page, args.candidates_at_once, turns
            )
            discover(discovery, lambda candidates: _approve(candidates, run, display))
    except KeyboardInterrupt:
        warn(f"interrupted; go on with `autotts resume {run.home}`")
        return 130
    except (SandboxError, ExplorerError) as error:
        raise type(error)(f"{error}; go on with `autotts resume {run.home}`") from error
    return _print_summary(run, budget, args)


def check_tracker(name: str | None) -> Tracker | None:
    """Return the tracker of this name, or None if the user chose none.

    Raises:
        InputError: there is no tracker of this name, or its package is missing.
    """
    return tracker(name) if name and name != NONE else None


def limits_of(args: argparse.Namespace) -> tuple[SpendingLimit, SpendingLimit]:
    """Return the limits of the command line: for the run, and for each generation."""
    total = SpendingLimit.of(dollars=args.max_dollars, calls=args.max_calls, hours=args.max_hours)
    each = SpendingLimit.of(dollars=args.max_dollars_each, calls=args.max_calls_each, hours=args.max_hours_each)
    return total, each


def _estimate(run: Run, calls: CallJournal) -> str:
    """Return the expected cost of the remaining generations, in words."""
    left = max(0, run.config.generations - max((card.generation for card in run.archive.cards()), default=0))
    price = calls.prices.find(run.config.model)
    if price is None:
        return f"{left * run.config.population} proposals"
    return str(estimate_cost(price, len(opening(run.config.ablations)), left * run.config.population))


def _approve(candidates: Sequence[dict[str, str]], run: Run, display: ProgressDisplay) -> list[str]:
    """Ask the user about each candidate, and return the ids of the approved ones.

    Raises:
        KeyboardInterrupt: standard input is closed.
    """
    approved = []
    with display.paused():
        for candidate in candidates:
            print(f"\n{candidate['id']}: {candidate['rationale']}\n\n{candidate['source']}")
            try:
                answer = input(f"run {candidate['id']}? [y/N] ")
            except EOFError:
                warn(
                    "standard input is closed, so nobody can approve candidates; "
                    f"see `autotts resume {run.home} --approve`"
                )
                raise KeyboardInterrupt from None
            if answer.strip().lower() in ("y", "yes"):
                approved.append(candidate["id"])
    return approved


def _print_summary(run: Run, budget: LlmBudget, args: argparse.Namespace) -> int:
    """Print the result of a finished run, and write it as JSON.

    Raises:
        DamagedFile: the run has no report.
    """
    report = read_report(run)
    if report is None:
        raise DamagedFile(
            f"{run.home / 'report.json'}: missing; remove {run.checkpoint}, and resume: the archive is kept"
        )
    cards = run.archive.cards_with_beliefs()
    names = run.given_names()
    best = best_version(population.ranked(cards), population.budgets(cards), report, names)
    print(f"\nbest: {best}")
    for version, measured in sorted(report.measured.items(), key=lambda item: -item[1]):
        searched = report.searched[version]
        shown = label(version, names.get(version, ""))
        print(f"  {shown:24} {measured:6.2f}  (search {searched:6.2f}, change {measured - searched:+.2f})")
    where = report.where if report.held_out else f"{report.where}, not unseen data"
    print(f"  (mean accuracy over the token budgets of the baselines, in per cent, on {where})")
    for line in [*describe_gap(report), *describe_optimism(report.optimism)]:
        print(f"  {line}")
    print(f"  front, champions and findings: {run.home / TEXT}")
    if budget.spent().calls:
        print(f"spent: {budget.spent()}")
    stopped = next((line.event.stopped for line in reversed(run.events()) if isinstance(line.event, RunFinished)), "")
    if stopped:
        print(f"stopped early: {stopped}; `autotts resume {run.home}` with a higher limit goes on")
    json_output.write(args, lambda: _document(run, best, report, budget.spent(), stopped))
    return 0


def _document(run: Run, best: BestVersion | None, report: RunReport, spent: Spending, stopped: str) -> BaseModel:
    from .json_documents import DiscoverDocument

    return DiscoverDocument(run=str(run.home), best=best, report=report, spent=spent, stopped=stopped)
