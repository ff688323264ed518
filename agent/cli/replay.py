"""`autotts replay`: versions of an archive on other environments, in a report."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from envs.episodes import BETAS
from envs.errors import InputError
from sandbox.outcome import Candidate, Verdict

from ..archive import resolve
from ..reports.console.display import plain
from ..reports.replay import charts, files
from ..reports.replay.replay import ReplayProgress, episodes, file, replay, write
from ..reports.replay.select import entries
from ..reports.replay.tables import summary
from ..reports.replay.work import ReplaySettings


def run(args: argparse.Namespace) -> int:
    """Replay, and write the report; exit code 1 if a controller failed somewhere."""
    charts.available()
    if args.parquet:
        files.parquet_available()
    if args.price is not None and not (math.isfinite(args.price) and args.price >= 0):
        raise InputError(f"--price is {args.price:g}, but must be dollars for a million output tokens")
    archive = resolve.chosen_archive(args.home, args.archive)
    chosen = entries(archive, args.select)
    environments = resolve.environments(args.env, args.data)
    betas = tuple(sorted(set(args.beta or BETAS)))
    settings = ReplaySettings(betas, args.seeds, args.first_seed, args.max_branches, args.max_tokens)
    total, home = episodes(chosen, environments, settings), Path(args.output)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
    with resolve.sandbox(args, [Candidate(e.label, e.source) for e in chosen]) as sandbox, bar:
        print(f"sandbox {sandbox.name} ({sandbox.about})")
        found = replay(chosen, environments, archive.cards(), settings, home, sandbox, args.price, _watch(bar, total))
    for line in summary(found):
        print(line)
    print("\n".join(map(str, write(found, chosen, home, args.parquet))))
    try:
        file(found, chosen, archive)
    except OSError as error:  # the report is there; an archive that is only to be read is no failure
        print(f"autotts: not filed with the archive: {error.filename}: {error.strerror}", file=sys.stderr)
    return 1 if found.failures else 0


def _watch(bar: Progress, total: int) -> ReplayProgress:
    """Show a bar on a terminal, and lines elsewhere; failures on both."""
    task = bar.add_task("", total=total)

    def begins(label: str, environment: str, number: int, runs: int) -> None:
        line = f"run {number} of {runs}: {plain(label)} on {environment}"
        bar.update(task, description=line)
        if bar.disable:
            print(line, file=sys.stderr)

    def failed(label: str, environment: str, verdict: Verdict) -> None:
        line = f"autotts: {plain(label)} on {environment}: {verdict.kind}: {plain(verdict.message)}"
        bar.console.print(line, markup=False, highlight=False, soft_wrap=True)

    return ReplayProgress(begins, lambda n: bar.advance(task, n), failed)
