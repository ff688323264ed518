"""Options that several commands share."""

from __future__ import annotations

import argparse

SANDBOXES = ("auto", "docker", "bubblewrap", "process")


def data(command: argparse.ArgumentParser) -> None:
    """Where recorded environments are."""
    command.add_argument("--data", metavar="DIR", help="data root (default: $AUTOTTS_DATA, else ./data)")


def where(command: argparse.ArgumentParser) -> None:
    """Which run or archive."""
    group = command.add_mutually_exclusive_group()
    group.add_argument("--run", dest="home", metavar="DIR", help="run directory (default: the newest under ./runs)")
    group.add_argument("--archive", metavar="DIR", help="archive, where it does not lie in a run directory")


def workers(command: argparse.ArgumentParser) -> None:
    """How many work, and where candidates run."""
    command.add_argument("--workers", type=count, metavar="N", help="worker processes (default: one for each core)")
    isolation(command)


def isolation(command: argparse.ArgumentParser) -> None:
    """Where candidates run."""
    command.add_argument(
        "--sandbox", choices=SANDBOXES, default="auto",
        help="where candidates run (default: auto, the strongest that this machine has)",
    )  # fmt: skip
    command.add_argument("--runtime", metavar="NAME", help="of the Docker engine, such as runsc (default: its own)")


def grid(command: argparse.ArgumentParser) -> None:
    """Which episodes, and where their figures go."""
    protocol(command)
    command.add_argument("--json", metavar="FILE", help="also write the figures as JSON")


def protocol(command: argparse.ArgumentParser) -> None:
    """Which episodes."""
    command.add_argument("--beta", type=float, nargs="+", metavar="B", help="values of beta (default: 0, 0.1 ... 1)")
    command.add_argument("--seeds", type=count, default=100, metavar="N", help="how many branch orders (default: 100)")
    command.add_argument("--first-seed", type=int, default=0, metavar="S", help="the first of them (default: 0)")
    command.add_argument("--max-branches", type=count, default=64, metavar="N", help="budget's width (default: 64)")
    command.add_argument("--max-tokens", type=count, metavar="N", help="tokens for a question (default: no limit)")


def spending(command: argparse.ArgumentParser) -> None:
    """What a run may spend."""
    for name, kind, what in (
        ("dollars", float, "dollars"),
        ("calls", int, "calls of a model"),
        ("hours", float, "hours"),
    ):
        command.add_argument(f"--max-{name}", type=kind, metavar="N", help=f"most {what} of the run")
        command.add_argument(f"--max-{name}-each", type=kind, metavar="N", help=f"most {what} of a generation")
    command.add_argument("--prices", metavar="FILE", help="prices of models (default: $AUTOTTS_PRICES over our own)")
    command.add_argument("--approve", action="store_true", help="ask before a candidate runs")
    command.add_argument(
        "--tracker", metavar="NAME", help="also tell mlflow, wandb, or package.module:object (default: none)"
    )  # fmt: skip


def picture(command: argparse.ArgumentParser) -> None:
    """Where a picture goes, and what it is of."""
    command.add_argument("-o", "--output", required=True, metavar="FILE", help="PNG, SVG or PDF, by its ending")
    data(command)
    where(command)


def episode(command: argparse.ArgumentParser) -> None:
    """One episode of one controller."""
    command.add_argument("id", help="a version, a seed, or a path")
    command.add_argument("--env", metavar="ENV", help="environment (default: the first of the run)")
    command.add_argument("--question", type=int, required=True, metavar="Q", help="number of the question, from 0")
    command.add_argument("--seed", type=int, default=0, metavar="S", help="branch order")
    command.add_argument("--beta", type=float, default=0.5)
    command.add_argument("--max-branches", type=count, default=64, metavar="N")


def count(text: str) -> int:
    """Return a whole number from 1 on."""
    try:
        value = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def hours(text: str) -> float:
    """Return a positive number of hours."""
    hours = float(text)
    if not 0 < hours < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of hours")
    return hours
