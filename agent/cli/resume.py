"""`autotts resume`: continues a run that was interrupted, or that reached a spending limit."""

from __future__ import annotations

import argparse

from . import options
from .environments import tell_environments
from .options import Commands


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "resume", resume, "continue an interrupted run", "autotts resume runs/1 --max-hours 8"
    )
    options.run_directory(command)
    options.spending(command)
    options.data_root(command)
    options.workers(command)
    options.json_output(command)


def resume(args: argparse.Namespace) -> int:
    """Continue a run."""
    from ..archive import resolve
    from .run_session import run_discovery

    run = resolve.chosen_run(args.run)
    tell_environments([*run.config.environments, *run.config.simulated])
    if args.sandbox == "auto":  # an interruption must not change the archive: keep the sandbox of the run
        args.sandbox = run.config.sandbox
    with resolve.sandbox(args) as sandbox:
        return run_discovery(run, sandbox, args)
