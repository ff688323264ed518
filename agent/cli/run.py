"""`autotts run verify`: checks every file of a run."""

from __future__ import annotations

import argparse

from . import json_output, options
from .options import Commands, add_command, add_group


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    verbs = add_group(commands, "run", "check the files of a run")
    command = add_command(
        verbs, "verify", verify, "check every file of a run, its archive included", "autotts run verify runs/1"
    )
    options.run_directory(command)
    options.json_output(command)


def verify(args: argparse.Namespace) -> int:
    """Check every file of a run; return exit code 1 if one is wrong."""
    from autotts.envs.plain_text import plain

    from ..archive.names import chosen_home
    from ..archive.verify_run import check_run
    from ..reports.console.bars import ProgressBars
    from .json_documents import RunVerifyDocument

    home = chosen_home(args.run)  # not opened: its settings may be damaged
    with ProgressBars() as bars:
        found = check_run(home, lambda files: bars.over("verify", files))
    for line in found.problems:
        print(plain(line))
    for note in found.notes:
        print(plain(f"note: {note}"))
    print(f"{home}: {len(found.problems)} problems")
    json_output.write(args, lambda: RunVerifyDocument(run=str(home), problems=found.problems, notes=found.notes))
    return 1 if found.problems else 0
