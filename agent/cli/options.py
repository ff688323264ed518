"""Options that several commands share, and helpers that add a command to the parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
"""The parsers of a group of commands."""
CommandFunction: TypeAlias = Callable[[argparse.Namespace], int]
"""Runs a command with its parsed options, and returns the exit code."""

SANDBOXES = ("auto", "docker", "bubblewrap", "process")


def add_command(commands: Commands, name: str, function: CommandFunction, help: str) -> argparse.ArgumentParser:
    """Add a command that calls ``function``, and return its parser."""
    command = commands.add_parser(name, help=help.replace("%", "%%"), description=help)
    command.set_defaults(function=function)
    return command


def add_group(commands: Commands, name: str, help: str) -> Commands:
    """Add a command that has commands of its own, and return the parsers of these."""
    return commands.add_parser(name, help=help, description=help).add_subparsers(metavar="VERB", required=True)


def environments(command: argparse.ArgumentParser, use: str = "", *, required: bool = False) -> None:
    """Add ``--env``; ``use`` says what the environments are for."""
    default = "" if required else " (default: the synthetic environments)"
    command.add_argument(
        "--env", nargs="+", metavar="ENV", required=required, help=f"{use}names or patterns of environments{default}"
    )


def data_root(command: argparse.ArgumentParser) -> None:
    """Add the directory of the recorded environments."""
    command.add_argument("--data", metavar="DIR", help="data root (default: $AUTOTTS_DATA, else ./data)")


def run_or_archive(command: argparse.ArgumentParser) -> None:
    """Add the choice of a run or of an archive."""
    group = command.add_mutually_exclusive_group()
    group.add_argument("--run", metavar="DIR", help="run directory (default: the newest under ./runs)")
    group.add_argument("--archive", metavar="DIR", help="archive outside a run directory")


def workers(command: argparse.ArgumentParser) -> None:
    """Add the number of workers, and the sandbox."""
    command.add_argument("--workers", type=count, metavar="N", help="worker processes (default: one for each core)")
    sandbox(command)


def sandbox(command: argparse.ArgumentParser) -> None:
    """Add the choice of the sandbox."""
    command.add_argument(
        "--sandbox", default="auto", metavar="NAME",
        help=f"where candidates run: {', '.join(SANDBOXES)}, or your own as package.module:object (default: auto, the "
        "strongest of this machine)",
    )  # fmt: skip
    command.add_argument("--runtime", metavar="NAME", help="runtime of the Docker engine, for example runsc")


def budget(command: argparse.ArgumentParser) -> None:
    """Add the budget of a question."""
    command.add_argument(
        "--max-branches", type=count, default=64, metavar="N", help="branches of a question at most (default: 64)"
    )
    command.add_argument(
        "--max-tokens", type=count, metavar="N", help="tokens of a question at most (default: no limit)"
    )


def protocol(command: argparse.ArgumentParser, orders: int) -> None:
    """Add the choice of episodes: values of beta, branch orders (``orders`` by default), and the budget."""
    command.add_argument("--beta", type=float, nargs="+", metavar="B", help="values of beta (default: 0, 0.1 ... 1)")
    command.add_argument(
        "--orders", type=count, default=orders, metavar="N", help=f"number of branch orders (default: {orders})"
    )
    command.add_argument("--first-order", type=int, default=0, metavar="N", help="the first branch order (default: 0)")
    budget(command)


def spending(command: argparse.ArgumentParser) -> None:
    """Add the limits of a run, and how a user follows the run."""
    for name, kind, unit in (
        ("dollars", float, "dollars"),
        ("calls", int, "model calls"),
        ("hours", float, "hours"),
    ):
        command.add_argument(f"--max-{name}", type=kind, metavar="N", help=f"the run spends at most N {unit}")
        command.add_argument(
            f"--max-{name}-each", type=kind, metavar="N", help=f"each generation spends at most N {unit}"
        )
    command.add_argument(
        "--prices", metavar="FILE", help="prices of models, before the built-in ones (default: $AUTOTTS_PRICES)"
    )
    command.add_argument("--approve", action="store_true", help="ask before a candidate runs")
    command.add_argument(
        "--tracker", metavar="NAME",
        help="also report to mlflow, wandb, or your own as package.module:object (default: none)",
    )  # fmt: skip


def picture(command: argparse.ArgumentParser) -> None:
    """Add the file of a picture, and the run or archive that it shows."""
    command.add_argument(
        "-o", "--output", required=True, metavar="FILE", help="picture to write; its ending is .png, .svg or .pdf"
    )
    data_root(command)
    run_or_archive(command)


def episode(command: argparse.ArgumentParser) -> None:
    """Add the choice of one episode of one controller."""
    command.add_argument("id", metavar="CONTROLLER", help="a version, a baseline, a champion, or a path")
    command.add_argument("--env", metavar="ENV", help="environment (default: the first of the run)")
    command.add_argument("--question", type=int, required=True, metavar="Q", help="number of the question, from 0")
    command.add_argument("--order", type=int, default=0, metavar="K", help="branch order (default: 0)")
    command.add_argument("--beta", type=float, default=0.5, metavar="B", help="value of beta (default: 0.5)")
    command.add_argument(
        "--max-branches", type=count, default=64, metavar="N", help="branches of a question at most (default: 64)"
    )


def count(text: str) -> int:
    """Return a whole number that is at least 1.

    Raises:
        ArgumentTypeError: the text is another number, or no whole number.
    """
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def hours(text: str) -> float:
    """Return a positive, finite number of hours.

    Raises:
        ArgumentTypeError: the number is not positive, or not finite.
        ValueError: the text is not a number.
    """
    hours = float(text)
    if not 0 < hours < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of hours")
    return hours
