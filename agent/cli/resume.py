"""`autotts resume`: continues a run that was interrupted, or that reached a spending limit."""

from __future__ import annotations

import argparse

from . import options
from .environments import tell_environments, tell_held_out
from .options import Commands, count


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "resume", resume, "continue an interrupted run, or let a finished one take more generations",
        "autotts resume runs/1 --max-hours 8", "autotts resume runs/1 --generations 20",
    )  # fmt: skip
    options.run_directory(command)
    group = command.group(options.SEARCH)
    group.add_argument(
        "--generations", type=count, metavar="N", help="let the run take N generations in all; it may have finished"
    )
    group.add_argument(
        "--explorer", metavar="NAME", help="where an explorer of your own is now, as package.module:object"
    )
    options.spending(command)
    options.data_root(command)
    options.executor(command)
    options.at_once(command)
    options.json_output(command)


def resume(args: argparse.Namespace) -> int:
    """Continue a run."""
    from ..archive import resolve
    from ..archive.run_hold import working_on
    from ..explorers.registry import replacement, tell_code
    from .run_session import run_discovery

    run = resolve.chosen_run(args.run)
    with working_on(run.home):
        tell_environments([*run.config.environments, *run.config.simulated])
        tell_held_out(run.config)
        explorer = replacement(run, args.explorer) if args.explorer else None
        if args.generations is not None:
            run.extend(args.generations)
        if args.sandbox == "auto":  # an interruption must not change the archive: keep the sandbox of the run
            args.sandbox = run.config.sandbox
        tell_code(run, args.sandbox)
        with resolve.sandbox(args) as sandbox:
            return run_discovery(run, sandbox, args, explorer)
