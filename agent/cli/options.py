"""Options that several commands share, and helpers that add a command to the parser."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeAlias

from autotts.envs.defaults import MAX_BRANCHES
from autotts.envs.errors import InputError

from .command_parser import (
    BUDGET,
    ENVIRONMENTS,
    EPISODES,
    GENERAL,
    OUTPUT,
    SANDBOX,
    SEARCH,
    VERSIONS,
    CommandParser,
)

__all__ = ["BUDGET", "ENVIRONMENTS", "EPISODES", "OUTPUT", "SANDBOX", "SEARCH", "VERSIONS"]

Commands: TypeAlias = "argparse._SubParsersAction[CommandParser]"
"""The parsers of a group of commands."""
CommandFunction: TypeAlias = Callable[[argparse.Namespace], int]
"""Runs a command with its parsed options, and returns the exit code."""

SANDBOXES = ("auto", "docker", "bubblewrap", "process")
INTERPRETERS = ("auto", "cpython", "pypy")


def add_command(
    commands: Commands, name: str, function: CommandFunction, help: str, *examples: str, quiet: str = "",
    prints_data: bool = False,
) -> CommandParser:  # fmt: skip
    """Add a command that calls ``function``, and return its parser.

    Args:
        commands: the group of commands.
        name: the name of the command.
        function: runs it.
        help: what the command does, in one line.
        examples: command lines, for the end of its help text.
        quiet: what `--quiet` does, if it is not the usual.
        prints_data: whether its standard output is for programs, so that notices must not go there.
    """
    lines = "\n".join(f"  {line}" for line in examples)
    command = commands.add_parser(
        name, help=help.replace("%", "%%"), description=help.replace("%", "%%"),
        epilog=f"example{'s' if len(examples) > 1 else ''}:\n{lines.replace('%', '%%')}" if examples else None,
    )  # fmt: skip
    command.set_defaults(function=function, prints_data=prints_data)
    general = command.group(GENERAL)
    general.add_argument(
        "--config", metavar="FILE", help="settings from this TOML file (default: ./autotts.toml, if there is one)"
    )
    loud = general.add_mutually_exclusive_group()
    loud.add_argument("-q", "--quiet", action="store_true", help=quiet or "print results and problems only")
    loud.add_argument("-v", "--verbose", action="store_true", help="also print the steps of the program")
    return command


def add_group(commands: Commands, name: str, help: str) -> Commands:
    """Add a command that has commands of its own, and return the parsers of these."""
    return commands.add_parser(name, help=help, description=help).add_subparsers(metavar="VERB", required=True)


def environments(command: CommandParser, use: str = "", *, required: bool = False) -> None:
    """Add ``--env`` and ``--data``; ``use`` says what the environments are for."""
    default = "" if required else " (default: all under the data root, else the built-in synthetic ones)"
    command.group(ENVIRONMENTS).add_argument(
        "--env", nargs="+", type=environment, metavar="ENV", required=required,
        help=f"{use}names or patterns of environments{default}",
    )  # fmt: skip
    data_root(command)


def data_root(command: CommandParser) -> None:
    """Add the directory of the recorded environments."""
    command.group(ENVIRONMENTS).add_argument(
        "--data", metavar="DIR", help="data root (default: $AUTOTTS_DATA, else ./data)"
    )


def run_or_archive(command: CommandParser, *, argument: bool = False) -> None:
    """Add the choice of a run or of an archive; with ``argument`` the run may stand without ``--run`` too."""
    group = command.group(VERSIONS).add_mutually_exclusive_group()
    if argument:
        _run_argument(group)
    group.add_argument("--run", metavar="RUN", help="run directory (default: the newest under ./runs)")
    group.add_argument(
        "--archive", metavar="DIR", help="archive outside a run directory, or one that ships, such as shipped:evolve"
    )


def run_directory(command: CommandParser, default: str = "the newest under ./runs") -> None:
    """Add the choice of a run, with or without ``--run`` before it."""
    group = command.group(VERSIONS)
    _run_argument(group)
    group.add_argument("--run", metavar="RUN", help=f"run directory (default: {default})")


def _run_argument(group: argparse._ArgumentGroup) -> None:
    group.add_argument("run", nargs="?", default=argparse.SUPPRESS, metavar="RUN", help="the same as --run RUN")


def workers(command: CommandParser) -> None:
    """Add the number of workers, and the sandbox."""
    command.group(SANDBOX).add_argument(
        "--workers", type=count, metavar="N", help="worker processes (default: one for each core)"
    )
    sandbox(command)


def executor(command: CommandParser) -> None:
    """Add the number of workers, the sandbox, and where both are: on this machine, or on the nodes of a cluster."""
    workers(command)
    command.group(SANDBOX).add_argument(
        "--executor", choices=("local", "ray"), default="local",
        help="run candidates on this machine (default), or on the nodes of a Ray cluster, each in the sandbox of the "
        "node; --workers is then the most at a time (default: every CPU)",
    )  # fmt: skip
    ray_address(command)


def ray_address(command: CommandParser) -> None:
    """Add the address of a Ray cluster."""
    command.group(SANDBOX).add_argument(
        "--ray-address", metavar="ADDRESS",
        help="the Ray cluster, for example 10.0.0.1:6379 (default: $RAY_ADDRESS, else Ray on this machine, which ends "
        "with the command)",
    )  # fmt: skip


def sandbox(command: CommandParser) -> None:
    """Add the choice of the sandbox."""
    group = command.group(SANDBOX)
    group.add_argument(
        "--sandbox", default="auto", metavar="NAME",
        help=f"where candidates run: {', '.join(SANDBOXES)}, or your own as package.module:object (default: auto, the "
        "strongest of this machine)",
    )  # fmt: skip
    group.add_argument("--runtime", metavar="NAME", help="runtime of the Docker engine, for example runsc")
    group.add_argument(
        "--interpreter", choices=INTERPRETERS, default="auto", metavar="NAME",
        help=f"what runs candidates: {', '.join(INTERPRETERS)} (default: auto, which is CPython; PyPy is "
        "faster in large batches, and gives the same results)",
    )  # fmt: skip


def budget(command: CommandParser) -> None:
    """Add the budget of a question."""
    group = command.group(BUDGET)
    group.add_argument(
        "--max-branches", type=count, default=MAX_BRANCHES, metavar="N",
        help=f"branches of a question at most (default: {MAX_BRANCHES})",
    )  # fmt: skip
    group.add_argument("--max-tokens", type=count, metavar="N", help="tokens of a question at most (default: no limit)")


def holdout(command: CommandParser, default: str) -> None:
    """Add the share of the questions that is held out; ``default`` says which share it is without the option."""
    command.group(SEARCH).add_argument(
        "--holdout", type=share, metavar="SHARE",
        help="hold out this share of the questions of each benchmark: no candidate and no explorer meets them, and the "
        f"final evaluation uses no others (default: {default})",
    )  # fmt: skip


def protocol(command: CommandParser, orders: int) -> None:
    """Add the choice of episodes: values of beta, branch orders (``orders`` by default), and the budget."""
    group = command.group(EPISODES)
    group.add_argument("--beta", type=number, nargs="+", metavar="B", help="values of beta (default: 0, 0.1 ... 1)")
    group.add_argument(
        "--orders", type=count, default=orders, metavar="N", help=f"number of branch orders (default: {orders})"
    )
    group.add_argument("--first-order", type=int, default=0, metavar="N", help="the first branch order (default: 0)")
    budget(command)


def spending(command: CommandParser) -> None:
    """Add the limits of a run, and how a user follows the run."""
    group = command.group(BUDGET)
    for name, kind, unit in (
        ("dollars", amount, "dollars"),
        ("calls", whole, "model calls"),
        ("hours", hours, "hours"),
    ):
        group.add_argument(f"--max-{name}", type=kind, metavar="N", help=f"the run spends at most N {unit}")
        group.add_argument(
            f"--max-{name}-each", type=kind, metavar="N", help=f"each generation spends at most N {unit}"
        )
    group.add_argument(
        "--prices", metavar="FILE", help="prices of models, before the built-in ones (default: $AUTOTTS_PRICES)"
    )
    command.group(SANDBOX).add_argument("--approve", action="store_true", help="ask before a candidate runs")
    command.group(OUTPUT).add_argument(
        "--tracker", metavar="NAME",
        help="also report to mlflow, wandb, or your own as package.module:object (default: none)",
    )  # fmt: skip


def at_once(command: CommandParser) -> None:
    """Add the number of candidates that are evaluated at the same time."""
    command.group(SANDBOX).add_argument(
        "--candidates-at-once", type=count, metavar="N",
        help="candidates that run at the same time; in a steady state, turns in flight (default: as many as keep the "
        "nodes at work: 1 on this machine, and 4 in a steady state)",
    )  # fmt: skip


def json_output(command: CommandParser) -> None:
    """Add ``--json``, for a command that prints figures."""
    command.group(OUTPUT).add_argument(
        "--json", metavar="FILE",
        help="also write the figures as JSON; - prints the JSON and nothing else (see `autotts docs command`)",
    )  # fmt: skip


def picture(command: CommandParser, *, argument: bool = False) -> None:
    """Add the file of a picture, and the run or archive that it shows."""
    command.group(OUTPUT).add_argument(
        "-o", "--output", required=True, metavar="FILE", help="picture to write; its ending is .png, .svg or .pdf"
    )
    run_or_archive(command, argument=argument)


def episode(command: CommandParser) -> None:
    """Add the choice of one episode of one controller."""
    command.add_argument("id", metavar="CONTROLLER", help="a version, a baseline, a champion, or a path")
    group = command.group(EPISODES)
    command.group(ENVIRONMENTS).add_argument(
        "--env", metavar="ENV", help="environment: a name, or a pattern that only one name matches (default: the "
        "first of the run, else the first under the data root, else the first built-in one)",
    )  # fmt: skip
    data_root(command)
    group.add_argument(
        "--question", metavar="Q", help="number of the question, from 0, or else its id (see `env show`)"
    )
    group.add_argument("--order", type=int, default=0, metavar="K", help="the branch order (default: 0)")
    group.add_argument("--beta", type=float, default=0.5, metavar="B", help="value of beta (default: 0.5)")
    budget(command)


def environment(text: str) -> str:
    """Return the name or the pattern of environments.

    Raises:
        ArgumentTypeError: the text is a file of a controller, which stands behind ``--env`` by mistake.
    """
    if text.endswith(".py"):
        raise argparse.ArgumentTypeError(f"{text!r} is a controller, not an environment")
    return text


def whole(text: str) -> int:
    """Return a whole number that is not negative.

    Raises:
        ArgumentTypeError: the text is another number, or no whole number.
    """
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 0:
        raise argparse.ArgumentTypeError(f"{value} is negative")
    return value


def number(text: str) -> float:
    """Return one of several numbers.

    Raises:
        ArgumentTypeError: the text is no number.
    """
    try:
        return float(text)
    except ValueError:
        hint = "; separate numbers with spaces" if "," in text else ""
        raise argparse.ArgumentTypeError(f"{text!r} is not a number{hint}") from None


def amount(text: str) -> float:
    """Return a finite number that is not negative.

    Raises:
        ArgumentTypeError: the number is negative, or not finite.
        ValueError: the text is not a number.
    """
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not an amount")
    return value


def share(text: str) -> float:
    """Return a share that leaves something.

    Raises:
        ArgumentTypeError: the number is negative, or not less than 1.
        ValueError: the text is not a number.
    """
    value = float(text)
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share from 0 to less than 1")
    return value


def count(text: str) -> int:
    """Return a whole number that is at least 1.

    Raises:
        ArgumentTypeError: the text is another number, or no whole number.
    """
    value = whole(text)
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


def fork_depths(text: str) -> tuple[int, ...]:
    """Return the depths of ``--fork-at N,N...``, in intervals.

    Raises:
        InputError: the text has another form.
    """
    words = text.split(",")
    if not all(word.isascii() and word.isdecimal() and 0 < len(word) < 6 for word in words):
        raise InputError(f"--fork-at {text[:40]}: expected numbers of intervals, such as 2,5,9")
    return tuple(map(int, words))
