"""The options by which commands that ask a live model name a verifier, and alternatives to each token."""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from autotts.envs.defaults import ALTERNATIVES
from autotts.envs.errors import InputError

from .command_parser import CommandParser
from .live_options import ANSWERS, MODEL
from .options import count, whole

if TYPE_CHECKING:
    from autotts.envs.live.endpoint import HttpEndpoint
    from autotts.envs.live.verifier import Verifier
    from autotts.sandbox.outcome import Candidate

CHARGED = "that a question is charged for a verification"
"""What a price means to the commands that answer questions."""


def add_verifier(command: CommandParser, cost: str = "") -> None:
    """Add a verifier of branches, and its price; ``cost`` says who counts its tokens, "" if the environment does."""
    group = command.group(ANSWERS)
    group.add_argument(
        "--verifier", metavar="FILE:FUNCTION|URL",
        help="scores branches: a function of a Python file (question, text, finished), or a server that answers"
        " {question, text, finished} with {score}; its key is $AUTOTTS_VERIFIER_KEY",
    )  # fmt: skip
    if not cost:
        command.set_defaults(verify_cost=0)
        return
    group.add_argument("--verify-cost", type=whole, default=0, metavar="N", help=f"tokens {cost} (default: 0)")


def add_alternatives(command: CommandParser) -> None:
    """Add the number of alternatives to each token, on which entropies and confidences of tokens rest."""
    command.group(MODEL).add_argument(
        "--alternatives", type=count, metavar="N",
        help="likeliest tokens over which a token's confidence is a mean (default: as many as the signals of the"
        f" controller need: none or {ALTERNATIVES}; DeepConf: 20)",
    )  # fmt: skip


def alternatives(args: argparse.Namespace, candidate: Candidate, collected: int = 0) -> int:
    """Return the alternatives to each token to ask for: those of the command line, or what a controller needs.

    Args:
        args: the command line.
        candidate: the controller.
        collected: as many as an environment has, if it is known; else 0.
    """
    from autotts.envs.declarations import read_declarations
    from autotts.envs.live.branch_signals import live_signals

    if args.alternatives is not None:
        return int(args.alternatives)
    declared = read_declarations(candidate.source)
    without = {*live_signals("full", 0)}
    wanted = {*declared.signals, *declared.optional_signals} & {*live_signals("full", ALTERNATIVES)}
    return (collected or ALTERNATIVES) if wanted - without else 0


def check_needs(candidate: Candidate, endpoint: HttpEndpoint, verifier: Verifier | None) -> None:
    """Check that live questions have what a controller needs, before anything is asked.

    Raises:
        InputError: they have not.
    """
    from autotts.envs.declarations import DeclarationError, read_declarations
    from autotts.envs.live.branch_signals import live_signals

    try:
        declared = read_declarations(candidate.source)
    except DeclarationError:
        return  # the policy refuses the controller
    signals = live_signals(endpoint.level, endpoint.capabilities.alternatives)
    missing = declared.missing(signals, verifier is not None, endpoint.level != "width only")
    if not missing:
        return
    absent, known = {*declared.signals} - {*signals}, {*live_signals("full", ALTERNATIVES)}
    hints = ["--verifier names one"] if "a verifier" in missing else []
    if "forks" in missing:
        hints.append("this server cannot continue a branch")
    if absent - known:
        hints.append("a live model has the standard signals alone")
    elif absent:
        hints.append("this server gives no log-probabilities" if endpoint.level != "full" else "see --alternatives")
    needs, why = " and ".join(missing), "; ".join(hints)
    raise InputError(f"{candidate.name} needs {needs}, which the live question does not have: {why}")


@asynccontextmanager
async def closing(verifier: Verifier | None) -> AsyncIterator[None]:
    """Close ``verifier`` at the end."""
    try:
        yield
    finally:
        if verifier is not None:
            await verifier.close()


def chosen_verifier(args: argparse.Namespace) -> Verifier | None:
    """Return the verifier that the command line names; None for none.

    Raises:
        InputError: it cannot be used, or a price is given without it.
    """
    if args.verifier is None:
        if args.verify_cost:
            raise InputError("--verify-cost is the price of a verifier: name it with --verifier")
        return None
    from autotts.envs.live.verifier import verifier

    return verifier(args.verifier)
