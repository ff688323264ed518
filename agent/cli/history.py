"""`autotts history` and `fork`: where a run has been, and new runs from there."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from rich.table import Table

from ..archive import resolve
from ..archive.run_directory import Run, RunConfig, next_home
from ..explorers.registry import members, with_model
from ..loop.checkpoints import fork as fork_run
from ..loop.checkpoints import list_checkpoints
from ..reports.console.display import console


def history(args: argparse.Namespace) -> int:
    """List the checkpoints of a run."""
    run = resolve.chosen_run(args.home)
    table = Table("checkpoint", "time (UTC)", "generation", "step", "pending", "next")
    for moment in islice(list_checkpoints(run), args.limit):
        after = " ".join(sorted(set(moment.next))) or "the end"
        table.add_row(
            moment.id, moment.when[:19], str(moment.generation), moment.step, str(moment.pending), after
        )  # fmt: skip
    console().print(table)
    return 0


def fork(args: argparse.Namespace) -> int:
    """Begin a new run where an old one was at the end of a generation."""
    old = Run(Path(args.home))
    names = ("explorer", "model", "generations", "population", "islands", "seed")
    changes = {name: value for name in names if (value := getattr(args, name)) is not None}
    config = with_model(RunConfig.model_validate(old.config.model_dump() | changes))
    members(config)
    home = Path(args.new) if args.new else next_home(resolve.RUNS)
    fork_run(old, args.generation, home, {**changes, "model": config.model})
    print(f"{home}: begun after generation {args.generation} of {old.home}; go on with `autotts resume {home}`")
    return 0
