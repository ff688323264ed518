"""`autotts history` and `fork`: lists the checkpoints of a run, and begins a new run from one of them."""

from __future__ import annotations

import argparse
from itertools import islice
from pathlib import Path

from .options import Commands, add_command, count


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    command = add_command(commands, "history", history, "list the checkpoints of a run, the latest first")
    command.add_argument("run", metavar="DIR", nargs="?", help="run directory (default: the newest under ./runs)")
    command.add_argument("--limit", type=count, default=30, metavar="N", help="checkpoints at most (default: 30)")
    command = add_command(commands, "fork", fork, "begin a new run at the end of a generation of an old one")
    command.add_argument("run", metavar="DIR", help="the old run")
    command.add_argument(
        "--generation", type=int, required=True, metavar="G", help="the last generation that the new run takes over"
    )
    command.add_argument(
        "--run", dest="new_run", metavar="DIR", help="the new run (default: a new directory under ./runs)"
    )
    for name, kind in (("explorer", str), ("model", str), ("generations", int), ("seed", int)):
        command.add_argument(f"--{name}", type=kind, help=f"another {name}")
    command.add_argument("--population", type=count, help="another number of candidates")
    command.add_argument("--islands", type=count, help="another number of islands")


def history(args: argparse.Namespace) -> int:
    """List the checkpoints of a run."""
    from rich.table import Table

    from ..archive import resolve
    from ..loop.checkpoints import list_checkpoints
    from ..reports.console.display import console

    table = Table("checkpoint", "time (UTC)", "generation", "step", "pending", "next")
    for checkpoint in islice(list_checkpoints(resolve.chosen_run(args.run)), args.limit):
        table.add_row(
            checkpoint.id, checkpoint.when[:19], str(checkpoint.generation), checkpoint.step, str(checkpoint.pending),
            " ".join(sorted(set(checkpoint.next))) or "the end",
        )  # fmt: skip
    console().print(table)
    return 0


def fork(args: argparse.Namespace) -> int:
    """Begin a new run from the end of a generation of an old run."""
    from ..archive import resolve
    from ..archive.run_directory import Run, RunConfig, next_home
    from ..explorers.registry import members, with_model
    from ..loop.checkpoints import fork as fork_run

    old = Run(Path(args.run))
    names = ("explorer", "model", "generations", "population", "islands", "seed")
    changes = {name: value for name in names if (value := getattr(args, name)) is not None}
    config = with_model(RunConfig.model_validate(old.config.model_dump() | changes))
    members(config)
    home = Path(args.new_run) if args.new_run else next_home(resolve.RUNS)
    fork_run(old, args.generation, home, {**changes, "model": config.model})
    print(f"{home}: begun after generation {args.generation} of {old.home}; go on with `autotts resume {home}`")
    return 0
