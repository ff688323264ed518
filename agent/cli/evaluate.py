"""`autotts evaluate` and `compare`: measures controllers on environments."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING

from autotts.envs.defaults import DEFAULT_ORDERS as ORDERS
from autotts.envs.errors import InputError

from . import json_output, options
from .command_parser import CommandParser
from .environments import chosen_environments
from .messages import notice, warn
from .options import Commands

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.statistics import CurveDifference, Point
    from autotts.sandbox.evaluation import Evaluation
    from autotts.sandbox.outcome import Candidate


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
    options.executor(command)
    options.json_output(command)


def evaluate(args: argparse.Namespace) -> int:
    """Score controllers, and print a table; return exit code 1 if one of them fails."""
    from ..archive import resolve
    from ..reports.console.display import curve_table
    from ..reports.console.terminal import console

    candidates = [resolve.controller(text, args.run, args.archive) for text in args.controllers]
    done = _evaluate_all(args, candidates)
    rows = [(result.candidate.name, point) for result in done if result.verdict.ok for point in result.curve]
    if rows:
        console().print(curve_table(rows))
    json_output.write(args, lambda: _evaluate_document(rows))
    return _complain(done)


def compare(args: argparse.Namespace) -> int:
    """Print the figures of the first controller minus the figures of the second; return exit code 1 if one fails."""
    from rich.table import Table

    from autotts.envs import statistics

    from ..archive import resolve
    from ..reports.console.display import interval
    from ..reports.console.terminal import console

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
    json_output.write(args, lambda: _compare_document(candidates, differences))
    return 0


def _evaluate_document(rows: Sequence[tuple[str, Point]]) -> BaseModel:
    from .json_documents import EvaluateDocument

    return EvaluateDocument.of(rows)


def _compare_document(candidates: Sequence[Candidate], differences: list[CurveDifference]) -> BaseModel:
    from .json_documents import CompareDocument
    from .json_rows import ComparisonRow

    first, second = (candidate.name for candidate in candidates)
    return CompareDocument([ComparisonRow.of(first, second, difference) for difference in differences])


def _evaluate_all(args: argparse.Namespace, candidates: list[Candidate]) -> list[Evaluation]:
    """Run every candidate on the episodes that the command line chooses, with a progress bar on a terminal.

    Raises:
        InputError: two candidates have the same name, or the command line chooses no valid episodes.
    """
    from autotts.envs.episodes import BETAS, grid
    from autotts.sandbox.evaluation import measure, require_needs

    from ..archive import resolve
    from ..archive.archive import sha256
    from ..archive.champions import is_shipped_source
    from ..reports.console.bars import ProgressBars

    names = [candidate.name for candidate in candidates]
    if len(set(names)) != len(names):
        raise InputError("a controller is named twice")
    environments = chosen_environments(args)
    betas = list(dict.fromkeys(args.beta or BETAS))
    orders = range(args.first_order, args.first_order + args.orders)
    episodes = grid(environments, betas, orders, args.max_branches, args.max_tokens)
    require_needs(candidates, episodes)
    with resolve.sandbox(args, candidates) as sandbox:
        notice(f"sandbox {resolve.describe_sandbox(args, sandbox)}")
        notice(episodes.count())
        if not all(is_shipped_source(sha256(each.source.encode(errors="replace"))) for each in candidates):
            notice("not audited: `autotts replay` also checks that a controller uses only what it paid for")
        with ProgressBars() as bars:
            return [measure(each, episodes, sandbox, bars.add(each.name, len(episodes))) for each in candidates]


def _complain(done: list[Evaluation]) -> int:
    """Print the failures, and return the exit code."""
    failed = [result for result in done if not result.verdict.ok]
    for result in failed:
        warn(f"{result.candidate.name}: {result.verdict.kind}: {result.verdict.message}")
    return 1 if failed else 0
