"""`autotts completion`: prints a script that completes commands and options in a shell."""

from __future__ import annotations

import argparse

from . import options
from .options import Commands

SHELLS = ("bash", "zsh", "fish", "tcsh")


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "completion", completion, "print a script that completes commands and options in your shell",
        "eval \"$(autotts completion bash)\"", prints_data=True,
    )  # fmt: skip
    command.add_argument("shell", choices=SHELLS, metavar="SHELL", help=", ".join(SHELLS))


def completion(args: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    print(shtab.complete(args.parser, shell=args.shell))
    return 0
