"""`autotts history` and `fork`: lists the checkpoints of a run, and begins a new run from one of them."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from . import json_output, options
from .messages import notice
from .options import Commands, count

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..archive.run_directory import Run
    from ..loop.checkpoints import CheckpointSummary


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    command = options.add_command(
        commands, "history", history, "list the checkpoints of a run, the latest first",
        "autotts history runs/1 --limit 5",
    )  # fmt: skip
    options.run_directory(command)
    options.json_output(command)
    command.group(options.OUTPUT).add_argument(
        "--limit", type=count, default=30, metavar="N", help="checkpoints at most (default: 30)"
    )
    command = options.add_command(
        commands, "fork", fork, "begin a new run at the end of a generation of an old one",
        "autotts fork runs/1 --generation 3 --seed 7",
    )  # fmt: skip
    command.add_argument("old_run", metavar="OLD", help="the old run")
    group = command.group(options.SEARCH)
    group.add_argument(
        "--generation", type=int, required=True, metavar="G", help="the last generation that the new run takes over"
    )
    command.group(options.OUTPUT).add_argument(
        "--run", metavar="RUN", help="the new run (default: a new directory under ./runs)"
    )
    for name, text in (("explorer", "another explorer"), ("model", "another language model of the explorer")):
        group.add_argument(f"--{name}", metavar="NAME", help=text)
    for name, kind, text in (
        ("generations", options.whole, "another number of generations"),
        ("seed", options.whole, "another seed of every random choice"),
        ("population", count, "another number of candidates of a generation"),
        ("islands", count, "another number of populations with separate ancestry"),
    ):
        group.add_argument(f"--{name}", type=kind, metavar="N", help=text)


def history(args: argparse.Namespace) -> int:
    """List the checkpoints of a run."""
    from rich.table import Table

    from ..archive import resolve
    from ..loop.checkpoints import list_checkpoints
    from ..reports.console.terminal import console

    table = Table("checkpoint", "time (UTC)", "generation", "step", "pending", "next")
    run = resolve.chosen_run(args.run)
    checkpoints = list(islice(list_checkpoints(run), min(args.limit, sys.maxsize)))
    json_output.write(args, lambda: _document(run, checkpoints))
    for checkpoint in checkpoints:
        table.add_row(
            checkpoint.id, checkpoint.when[:19], _generation(checkpoint), checkpoint.step, str(checkpoint.pending),
            " ".join(sorted(set(checkpoint.next))) or "the end",
        )  # fmt: skip
    console().print(table)
    return 0


def _generation(checkpoint: CheckpointSummary) -> str:
    """Return the generation; after the last one the state already counts one more, which never begins."""
    return "final" if set(checkpoint.next) <= {"final_evaluation"} else str(checkpoint.generation)


def _document(run: Run, checkpoints: Sequence[CheckpointSummary]) -> BaseModel:
    from .json_documents import HistoryDocument
    from .json_rows import CheckpointRow

    rows = [CheckpointRow.model_validate(dataclasses.asdict(checkpoint)) for checkpoint in checkpoints]
    return HistoryDocument(run=str(run.home), checkpoints=tuple(rows))


def fork(args: argparse.Namespace) -> int:
    """Begin a new run from the end of a generation of an old run."""
    from ..archive import resolve
    from ..archive.run_directory import RunConfig
    from ..explorers.registry import default_holdout, members, with_model
    from ..loop.checkpoints import fork as fork_run

    old = resolve.chosen_run(args.old_run)
    names = ("explorer", "model", "generations", "population", "islands", "seed")
    changes = {name: value for name in names if (value := getattr(args, name)) is not None}
    if args.explorer is not None:
        changes["explorer_by_name"] = True
    config = with_model(RunConfig.model_validate(old.config.model_dump() | changes))
    members(config)
    home = resolve.new_home(args.run)
    fork_run(old, args.generation, home, {**changes, "model": config.model})
    if args.explorer is not None and default_holdout(config.explorer, config.mixture) > config.holdout:
        notice(
            f"{old.home} holds out {config.holdout:.0%} of the questions, and so does the new run: what its explorer "
            "writes may know the questions of the final evaluation; begin a run with `autotts discover --from` instead"
        )
    print(f"{home}: begun after generation {args.generation} of {old.home}; go on with `autotts resume {home}`")
    return 0
