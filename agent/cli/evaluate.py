"""`autotts evaluate` and `compare`: measures controllers on environments."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autotts.envs.errors import InputError

from . import options
from .command_parser import CommandParser
from .options import Commands

if TYPE_CHECKING:
    from autotts.envs.statistics import Point
    from autotts.sandbox.evaluation import Evaluation
    from autotts.sandbox.outcome import Candidate


ORDERS = 10
"""The default number of branch orders: an evaluation then takes seconds. The published figures have 100."""


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    command = options.add_command(
        commands, "evaluate", evaluate, "score controllers on environments",
        "autotts evaluate parallel_probe balanced --env 'synthetic/*' --beta 0.2 0.5",
    )
    command.add_argument(
        "controllers", nargs="+", metavar="CONTROLLER", help="a version, a baseline, a champion, or a path"
    )
    _add_options(command)
    command = options.add_command(
        commands, "compare", compare, "compare two controllers on the same episodes",
        "autotts compare confidence_momentum balanced --env synthetic/small --beta 0.5",
    )
    command.add_argument(
        "controllers", nargs=2, metavar="CONTROLLER", help="a version, a baseline, a champion, or a path"
    )
    _add_options(command)


def _add_options(command: CommandParser) -> None:
    options.environments(command)
    options.protocol(command, ORDERS)
    options.run_or_archive(command)
    options.workers(command)
    options.json_output(command)


def evaluate(args: argparse.Namespace) -> int:
    """Score controllers, and print a table; return exit code 1 if one of them fails."""
    from autotts.envs.store import write_atomically

    from ..archive import resolve
    from ..reports.console.display import console, curve_table

    candidates = [resolve.controller(text, args.run, args.archive) for text in args.controllers]
    done = _evaluate_all(args, candidates)
    rows = [(result.candidate.name, point) for result in done if result.verdict.ok for point in result.curve]
    if rows:
        console().print(curve_table(rows))
    if args.json:
        write_atomically(Path(args.json), json.dumps([record(name, p) for name, p in rows], indent=1).encode())
    return _complain(done)


def compare(args: argparse.Namespace) -> int:
    """Print the figures of the first controller minus the figures of the second; return exit code 1 if one fails."""
    import dataclasses

    from rich.table import Table

    from autotts.envs import statistics
    from autotts.envs.store import write_atomically

    from ..archive import resolve
    from ..reports.console.display import console, interval

    candidates = [resolve.controller(text, args.run, args.archive) for text in args.controllers]
    done = _evaluate_all(args, candidates)
    first, second = (result.figures for result in done)
    if first is None or second is None:
        return _complain(done)
    differences = statistics.compare(first, second)
    title = f"{' minus '.join(candidate.name for candidate in candidates)}, paired by question and branch order"
    table = Table("environment", "beta", "accuracy, points", "tokens", "latency, tokens", "wins", "losses", "ties",
                  title=title)  # fmt: skip
    for d in differences:
        table.add_row(
            d.environment, f"{d.beta:g}",
            interval(d.accuracy_pct, d.accuracy_ci, 2), interval(d.mean_tokens, d.mean_tokens_ci, 0),
            interval(d.mean_latency, d.mean_latency_ci, 0), str(d.wins), str(d.losses), str(d.ties),
        )  # fmt: skip
    console().print(table)
    if args.json:
        document = [dataclasses.asdict(d) for d in differences]
        write_atomically(Path(args.json), json.dumps(document, indent=1).encode())
    return 0


def record(name: str, point: Point) -> dict[str, Any]:
    """Return one row of the JSON output."""
    import dataclasses

    return {"controller": name, **dataclasses.asdict(point)}


def _evaluate_all(args: argparse.Namespace, candidates: list[Candidate]) -> list[Evaluation]:
    """Run every candidate on the episodes that the command line chooses, with a progress bar on a terminal.

    Raises:
        InputError: two candidates have the same name, or the command line chooses no valid episodes.
    """
    from autotts.envs.episodes import BETAS, grid
    from autotts.sandbox.evaluation import measure

    from ..archive import resolve
    from ..reports.console.bars import ProgressBars

    names = [candidate.name for candidate in candidates]
    if len(set(names)) != len(names):
        raise InputError("a controller is named twice")
    environments = resolve.environments(args.env, args.data)
    betas = list(dict.fromkeys(args.beta or BETAS))
    orders = range(args.first_order, args.first_order + args.orders)
    episodes = grid(environments, betas, orders, args.max_branches, args.max_tokens)
    with resolve.sandbox(args, candidates) as sandbox, ProgressBars() as bars:
        print(f"sandbox {sandbox.name} ({sandbox.about})")
        print(episodes.count())
        return [
            measure(candidate, episodes, sandbox, bars.add(candidate.name, len(episodes))) for candidate in candidates
        ]


def _complain(done: list[Evaluation]) -> int:
    """Print the failures, and return the exit code."""
    failed = [result for result in done if not result.verdict.ok]
    for result in failed:
        print(f"autotts: {result.candidate.name}: {result.verdict.kind}: {result.verdict.message}", file=sys.stderr)
    return 1 if failed else 0
