"""`autotts archive copy`: copy an archive or a run between directories and databases."""

from __future__ import annotations

import argparse

from autotts.envs.counting import counted
from autotts.envs.plain_text import plain

from .messages import notice
from .options import Commands, add_command


def add_verb(verbs: Commands) -> None:
    """Add the command to those of `autotts archive`."""
    command = add_command(
        verbs, "copy", copy, "copy an archive, or a run, to a directory or a database",
        "autotts archive copy runs/1 postgresql://db.example/search/1",
    )  # fmt: skip
    command.add_argument(
        "source", metavar="FROM", help="an archive or a run: a directory, shipped:NAME, or postgresql://HOST/DB/NAME"
    )
    command.add_argument("target", metavar="TO", help="the place of the copy; a copy that was stopped goes on there")


def copy(args: argparse.Namespace) -> int:
    """Copy an archive or a run, verified by hashes, and say what was left out."""
    from ..archive.copying import copied_places, copy_archive
    from ..reports.console.bars import ProgressBars

    source, target = copied_places(args.source, args.target)
    with ProgressBars() as bars:
        done = copy_archive(source, target, lambda names: bars.over("copy", names))
    for line in done.problems:
        print(plain(line))
    for line in done.skipped:
        notice(f"left out: {line}")
    print(
        plain(
            f"{target}: {counted(done.versions, 'version')} and {counted(done.files, 'file')} copied, "
            f"{done.present:,} there already, {counted(len(done.problems), 'problem')}"
        )
    )
    return int(bool(done.problems))
