"""`autotts replay`: measures versions of an archive on other environments, and writes a report."""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import json_output, options
from .environments import chosen_environments
from .messages import notice, tell_progress, warn
from .options import Commands

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.store import Environment
    from autotts.sandbox.outcome import Verdict

    from ..archive.archive import Archive
    from ..reports.console.bars import ProgressBars
    from ..reports.replay.replay import ReplayProgress
    from ..reports.replay.results import ReplayResults
    from ..reports.replay.select import ReplayEntry


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "replay", run,
        "measure controllers, or versions of an archive, on other environments, and write a report; resumable",
        "autotts replay --run runs/1 --env 'aime25/*' --select front --price 0.6",
        "autotts replay my_controller.py balanced --env 'aime25/*'",
    )  # fmt: skip
    command.add_argument(
        "controllers", nargs="*", metavar="CONTROLLER", help="versions, champions, or paths (default: see --select)"
    )
    options.environments(command, required=True)
    output = command.group(options.OUTPUT)
    command.group(options.VERSIONS).add_argument(
        "--select", nargs="+", metavar="ID",
        help="versions of the run or archive: front (default, if no controllers are named), all, or ids",
    )  # fmt: skip
    command.group(options.SANDBOX).add_argument(
        "--audit", choices=("full", "sample"), default="full",
        help="audit every episode of each controller that does not ship with the program (default), or a sample",
    )  # fmt: skip
    output.add_argument("--price", type=float, metavar="DOLLARS", help="price of a million output tokens")
    output.add_argument("--parquet", action="store_true", help="also write results.parquet")
    output.add_argument(
        "-o", "--output", default="replay", metavar="DIR",
        help="directory of the report and of the finished measurements (default: ./replay)",
    )  # fmt: skip
    options.protocol(command, 100)
    options.run_or_archive(command)
    options.executor(command)
    options.json_output(command)


def run(args: argparse.Namespace) -> int:
    """Replay, and write the report; return exit code 1 if a controller failed on an environment."""
    from autotts.envs.counting import counted
    from autotts.envs.episodes import BETAS
    from autotts.sandbox.outcome import Candidate

    from ..archive import resolve
    from ..archive.baselines import left_out
    from ..archive.shipped import archive_name
    from ..reports.console.bars import ProgressBars
    from ..reports.replay import charts, files
    from ..reports.replay.replay import episodes, file, replay, write
    from ..reports.replay.tables import summary
    from ..reports.replay.work import ReplaySettings

    charts.available()
    if args.parquet:
        files.parquet_available()
    if args.price is not None and not (math.isfinite(args.price) and args.price >= 0):
        raise InputError(f"--price is {args.price:g}, but must be dollars for a million output tokens")
    environments = chosen_environments(args)
    archive, chosen = _entries(args, environments)
    if line := left_out(environments):
        notice(line)
    if archive:
        versions = sum(not entry.baseline and entry.card is not None for entry in chosen)
        notice(f"{counted(versions, 'version')} of {archive_name(archive.root)}, and the baselines")
    betas = tuple(sorted(set(args.beta or BETAS)))
    settings = ReplaySettings(betas, args.orders, args.first_order, args.max_branches, args.max_tokens)
    total, home = episodes(chosen, environments, settings), Path(args.output)
    with resolve.sandbox(args, [Candidate(e.label, e.source) for e in chosen]) as sandbox:
        notice(f"sandbox {resolve.describe_sandbox(args, sandbox)}")
        with ProgressBars() as bars:
            progress = _show_progress(bars, total)
            cards = archive.cards() if archive else []
            found = replay(chosen, environments, cards, settings, home, sandbox, args.price, progress, args.audit)
    for line in summary(found):
        print(line)
    print("\n".join(map(str, write(found, chosen, home, args.parquet))))
    try:
        if archive:
            filed = file(found, chosen, archive)
            if filed and archive.derived != archive.root:
                notice(f"{archive_name(archive.root)} is never written to: its figures are in {archive.derived}")
    except OSError as error:  # the report is complete: a read-only archive is no failure
        warn(f"not filed with the archive: {error.filename}: {error.strerror}")
    json_output.write(args, lambda: _document(found, home))
    return 1 if found.failures else 0


def _document(found: ReplayResults, home: Path) -> BaseModel:
    from .json_documents import ReplayDocument
    from .json_rows import rows

    return ReplayDocument(
        directory=str(home), rows=rows([(row.controller, row.point) for row in found.rows]), failures=found.failures,
        audits={controller.label: controller.audit for controller in found.controllers},
    )  # fmt: skip


def _entries(args: argparse.Namespace, environments: Sequence[Environment]) -> tuple[Archive | None, list[ReplayEntry]]:
    """Return the archive whose versions are replayed (None if only files are), and the controllers."""
    from ..archive import resolve
    from ..archive.storage.addresses import located
    from ..reports.replay.select import FRONT, entries

    if len(args.controllers) == 1 and (located(args.controllers[0], "run") / "config.json").is_file():
        args.run, args.controllers = args.controllers[0], []  # `replay RUN`, as for other commands
    given = [resolve.find_controller(text, args.run, args.archive) for text in args.controllers]
    select = args.select or ([] if given else [FRONT])
    named = select or args.run or args.archive
    archive = resolve.chosen_archive(args.run, args.archive) if named else None
    if archive is None:
        archive = next((found.archive for found in given if found.archive), None)
    return archive, entries(archive, select, given, environments)


def _show_progress(bars: ProgressBars, total: int) -> ReplayProgress:
    """Return callbacks that show a bar on a terminal and lines elsewhere, and failures on both."""
    from autotts.envs.plain_text import plain

    from ..reports.replay.replay import ReplayProgress

    bar = bars.add("", total)

    def begins(label: str, environment: str, number: int, runs: int) -> None:
        line = f"evaluation {number} of {runs}: {plain(label)} on {environment}"
        bar.label(line)
        if not bars.shown:
            tell_progress(line)

    def failed(label: str, environment: str, verdict: Verdict) -> None:
        line = f"autotts: {plain(label)} on {environment}: {verdict.kind}: {plain(verdict.message)}"
        bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    return ReplayProgress(begins, bar, failed)
