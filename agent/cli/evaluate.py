"""`autotts evaluate` and `compare`: controllers on environments."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from envs import statistics
from envs.episodes import BETAS, grid
from envs.errors import InputError
from envs.statistics import Point
from envs.store import write_atomically
from sandbox.evaluation import Evaluation
from sandbox.evaluation import evaluate as run_candidate
from sandbox.outcome import Candidate

from ..archive import resolve
from ..reports.console.display import console, curve_table, interval


def evaluate(args: argparse.Namespace) -> int:
    """Score controllers, and print a table; exit code 1 if one of them fails."""
    candidates = [resolve.controller(text, args.home, args.archive) for text in args.controllers]
    done = _run(args, candidates)
    rows = [(result.candidate.name, point) for result in done if result.verdict.ok for point in result.curve]
    if rows:
        console().print(curve_table(rows))
    if args.json:
        write_atomically(Path(args.json), json.dumps([record(name, p) for name, p in rows], indent=1).encode())
    return _complain(done)


def compare(args: argparse.Namespace) -> int:
    """Compare two controllers, the second less the first."""
    candidates = [resolve.controller(text, args.home, args.archive) for text in args.controllers]
    done = _run(args, candidates)
    first, second = (result.scores for result in done)
    if first is None or second is None:
        return _complain(done)
    differences = statistics.compare(first, second)
    names = " less ".join(candidate.name for candidate in reversed(candidates))
    table = Table("environment", "beta", "accuracy, points", "tokens", "wins", "losses", "ties", title=names)
    for d in differences:
        table.add_row(
            d.environment, f"{d.beta:g}",
            interval(d.accuracy_pct, d.accuracy_ci, 2), interval(d.mean_tokens, d.mean_tokens_ci, 0),
            str(d.wins), str(d.losses), str(d.ties),
        )  # fmt: skip
    console().print(table)
    if args.json:
        document = [dataclasses.asdict(d) for d in differences]
        write_atomically(Path(args.json), json.dumps(document, indent=1).encode())
    return 0


def record(name: str, point: Point) -> dict[str, Any]:
    """Return one row of the JSON output."""
    return {"controller": name, **dataclasses.asdict(point)}


def _run(args: argparse.Namespace, candidates: list[Candidate]) -> list[Evaluation]:
    names = [candidate.name for candidate in candidates]
    if len(set(names)) != len(names):
        raise InputError("a controller is named twice")
    environments = resolve.environments(args.env, args.data)
    betas = list(dict.fromkeys(args.beta or BETAS))
    orders = range(args.first_seed, args.first_seed + args.seeds)
    episodes = grid(environments, betas, orders, args.max_branches, args.max_tokens)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    from rich.console import Console

    done = []
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with resolve.sandbox(args, candidates) as sandbox, bar:
        print(f"sandbox {sandbox.name} ({sandbox.about})")
        for candidate in candidates:
            task = bar.add_task(candidate.name, total=len(episodes))
            done.append(run_candidate(candidate, episodes, sandbox, lambda n, task=task: bar.advance(task, n)))  # type: ignore[misc]
    return done


def _complain(done: list[Evaluation]) -> int:
    failed = [result for result in done if not result.verdict.ok]
    for result in failed:
        print(f"autotts: {result.candidate.name}: {result.verdict.kind}: {result.verdict.message}", file=sys.stderr)
    return 1 if failed else 0
