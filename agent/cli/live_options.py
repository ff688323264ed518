"""The options of the commands that ask a live model, and what follows from them: servers, sampling, answers.

An option whose default depends on the model (the interval, the suffix of a probe) is None until a server has told the
name of its model.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError
from autotts.envs.signals import GROUP_TOKENS

from .command_parser import CommandParser
from .messages import notice, warn
from .options import count, whole

if TYPE_CHECKING:
    from autotts.envs.live.answer_reader import AnswerReader
    from autotts.envs.live.endpoint import HttpEndpoint
    from autotts.envs.live.exchange import Sampling
    from autotts.envs.live.settings import LiveSettings
    from autotts.sandbox.live.workers import LiveWorkers
    from autotts.sandbox.outcome import Candidate

MODEL, SAMPLING, BRANCHES, ANSWERS = "model", "sampling", "branches", "answers"
"""Titles of the groups of options."""
_KEY = "OPENAI_API_KEY"
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server of a model."""

    base_url: str
    """Ends in ``/v1`` with most servers."""
    model: str | None = None
    """None for the only model that the server lists."""
    api_key: str | None = field(default=None, repr=False)


def add_live_options(command: CommandParser, *, several_servers: bool = False) -> None:
    """Add all options of a command that asks a live model.

    Args:
        command: the parser of the command.
        several_servers: whether the command shares its work among several servers.
    """
    add_server(command, several=several_servers)
    add_sampling(command)
    add_branches(command)
    add_answers(command)


def add_server(command: CommandParser, *, several: bool = False) -> None:
    """Add the choice of the server and its model, and how the command sends requests."""
    group = command.group(MODEL)
    default = " (default: the tiny model that ships, on a server that this command starts)"
    text = "address of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1"
    if several:
        text = f"addresses of OpenAI-compatible servers of one model, such as http://127.0.0.1:8000/v1{default}"
        group.add_argument("--base-url", nargs="+", type=base_url, metavar="URL", help=text)
    else:
        group.add_argument("--base-url", type=base_url, metavar="URL", help=text + default)
    group.add_argument("--model", metavar="NAME", help="name of the model (default: the only one of the server)")
    group.add_argument(
        "--api-key-env", type=variable, metavar="NAME",
        help=f"environment variable that holds the key of the server (default: {_KEY}, if it is set)",
    )  # fmt: skip
    group.add_argument(
        "--concurrency", type=count, default=64, metavar="N", help="requests to a server at a time (default: 64)"
    )
    group.add_argument(
        "--timeout", type=seconds, default=600.0, metavar="SECONDS",
        help="longest time of a request, with all its retries (default: 600)",
    )  # fmt: skip


def add_sampling(command: CommandParser, *, seed: bool = True) -> None:
    """Add how tokens are drawn; without ``seed`` the command has seeds of its own."""
    group = command.group(SAMPLING)
    group.add_argument("--temperature", type=temperature, default=1.0, metavar="T", help="0 is greedy (default: 1)")
    group.add_argument(
        "--top-p", type=probability, default=1.0, metavar="P",
        help="draw among the likeliest tokens that have this probability together (default: 1, all)",
    )  # fmt: skip
    group.add_argument(
        "--top-k", type=whole, default=0, metavar="K", help="draw among the K likeliest tokens (default: 0, all)"
    )
    group.add_argument(
        "--min-p", type=probability, default=0.0, metavar="P",
        help="leave out tokens with less than this share of the likeliest one's probability (default: 0, none)",
    )  # fmt: skip
    if not seed:
        return
    group.add_argument(
        "--seed", type=whole, default=0, metavar="N", help="seed of every request, if the server takes one (default: 0)"
    )


def add_branches(command: CommandParser, *, budget: bool = True) -> None:
    """Add the length of an interval, and the limits of a question.

    Args:
        command: the parser of the command.
        budget: whether a question has a budget of tokens; a command without controllers needs none.
    """
    group = command.group(BRANCHES)
    group.add_argument("--delta", type=count, metavar="N", help="tokens of an interval (default: 500; tiny model: 24)")
    group.add_argument(
        "--branches", type=count, metavar="N", help="branches of a question (default: 64; tiny model: 32)"
    )
    group.add_argument(
        "--branch-tokens", type=count, metavar="N",
        help="tokens of a branch at most: it then ends without an answer of its own (default: as many as the context "
        "of the model has)",
    )  # fmt: skip
    group.add_argument(
        "--group-tokens", type=count, default=GROUP_TOKENS, metavar="N",
        help=f"tokens of a DeepConf group: fewer where branches are short (default: {GROUP_TOKENS:,})",
    )  # fmt: skip
    if budget:
        group.add_argument(
            "--max-tokens", type=count, metavar="N", help="tokens of a question at most (default: no limit)"
        )


def add_answers(command: CommandParser) -> None:
    """Add how a branch is probed, and how answers are found and compared."""
    group = command.group(ANSWERS)
    group.add_argument(
        "--probe-suffix", metavar="TEXT",
        help="text after a branch that makes the model answer: your own, with \\n for a line break, or that of a "
        "family: plain, qwen, deepseek, tiny (default: by the name of the model)",
    )  # fmt: skip
    group.add_argument(
        "--probe-tokens", type=count, metavar="N",
        help="tokens of a probe's answer at most (default: 32; tiny model: 8)",
    )  # fmt: skip
    group.add_argument(
        "--extract", nargs="+", metavar="HOW",
        help="find the answer in the text of a branch: boxed, choice, number, last-line, json:FIELD, a regular "
        "expression (last match), or your own as package.module:function; of several, the first that finds one in a "
        "text (default: boxed)",
    )  # fmt: skip
    group.add_argument(
        "--answers", metavar="KIND",
        help="how answers are compared: exact, text, number, choice, math, or your own as package.module:function "
        "(default: choice or number if --extract is that, else math, or number if the packages of math are missing)",
    )  # fmt: skip


# What follows from the options


@contextmanager
def chosen_servers(args: argparse.Namespace) -> Iterator[list[ServerAddress]]:
    """Yield the servers that the command line names; without one, start the server of the tiny model, and say so.

    Raises:
        InputError: the key's variable is not set, or the packages of the tiny model's server are missing.
    """
    urls: Sequence[str] = [args.base_url] if isinstance(args.base_url, str) else (args.base_url or [])
    key = api_key(args.api_key_env)
    if urls:
        yield [ServerAddress(url, args.model, key) for url in dict.fromkeys(urls)]
        return
    if args.model is not None:
        raise InputError("--model is given without --base-url, the address of its server")
    from autotts.envs.live.tiny.server import TinyServer

    with TinyServer() as tiny:
        notice(f"model {tiny.model}, the tiny one that ships, on {tiny.base_url} (name yours with --base-url)")
        yield [ServerAddress(tiny.base_url, tiny.model)]


@asynccontextmanager
async def connected(
    args: argparse.Namespace, server: ServerAddress, alternatives: int = 0
) -> AsyncIterator[HttpEndpoint]:
    """Yield the endpoint of a server, and close it; ``alternatives`` to each token are asked for.

    Raises:
        InputError: there is no server, no such model, or the key is wrong.
    """
    from autotts.envs.live.connecting import connect

    endpoint = await connect(
        server.base_url, server.model, server.api_key, timeout=args.timeout, concurrency=args.concurrency,
        alternatives=alternatives,
    )  # fmt: skip
    try:
        if endpoint.level == "width only":
            notice(f"{endpoint.model} cannot continue a branch here: a step runs a branch to its end")
        yield endpoint
    finally:
        await endpoint.close()


def live_workers(args: argparse.Namespace, candidate: Candidate, questions: int, workers: int = 1) -> LiveWorkers:
    """Return the sandboxed workers that play a controller on live questions; not started yet.

    As elsewhere, a controller that ships with this program runs in a plain process, unless `--sandbox` names another.

    Args:
        args: the command line.
        candidate: the controller.
        questions: the most questions that each worker plays at once.
        workers: the number of workers.

    Raises:
        InputError: there is no sandbox of this name.
        SandboxError: the sandbox does not work on this machine.
    """
    from autotts.sandbox.live.workers import LiveWorkers

    from ..archive import resolve

    check_interpreter(args)
    plain_process = args.sandbox == "auto" and args.runtime is None and resolve.shipped([candidate])
    name = "process" if plain_process else args.sandbox
    return LiveWorkers.open(candidate, name, workers, questions, runtime=args.runtime, notice=warn)


def check_interpreter(args: argparse.Namespace) -> None:
    """Check the interpreter of controllers in front of a live model, where the time is the model's.

    Raises:
        InputError: it is PyPy, which cannot overwrite what it has passed on from one question to another.
    """
    if args.interpreter == "pypy":
        raise InputError("in front of a live model, controllers run under CPython: leave --interpreter out")


def api_key(name: str | None) -> str | None:
    """Return the key in the environment variable ``name``, else in OPENAI_API_KEY; None if there is none.

    Raises:
        InputError: ``name`` is given, but not set.
    """
    found = os.environ.get(name or _KEY, "").strip() or None
    if name is not None and found is None:
        raise InputError(f"--api-key-env {name}: this environment variable is not set")
    return found


def sampling(args: argparse.Namespace) -> Sampling:
    """Return how tokens are drawn."""
    from autotts.envs.live.exchange import Sampling

    return Sampling(args.temperature, args.top_p, args.top_k, args.min_p)


def live_settings(args: argparse.Namespace, model: str, context: int | None = None) -> LiveSettings:
    """Return how a model is asked.

    Args:
        args: the command line.
        model: the name of the model, as its server tells it: what is not given suits its family.
        context: the longest prompt and completion of the model together, in tokens; None if unknown.

    Raises:
        InputError: two options exclude each other, or the suffix means nothing.
    """
    from autotts.envs.live.defaults import settings_for

    return settings_for(
        model, context, delta=args.delta, branches=args.branches, branch_tokens=args.branch_tokens,
        max_tokens=args.max_tokens, probe_suffix=args.probe_suffix, probe_tokens=args.probe_tokens,
        sampling=sampling(args), seed=args.seed, verify_cost=args.verify_cost,
        group_tokens=args.group_tokens,
    )  # fmt: skip


def answer_reader(args: argparse.Namespace, model: str) -> AnswerReader:
    """Return how answers are found and compared.

    Args:
        args: the command line.
        model: the name of the model, as its server tells it.

    Raises:
        InputError: a way to find or to compare answers does not exist, or needs packages that are missing.
    """
    from autotts.envs.live.defaults import reader_for

    return reader_for(model, args.extract or (), args.answers)


# The values of options


def base_url(text: str) -> str:
    """Return the address of a server, without a slash at its end.

    Raises:
        ArgumentTypeError: the text is not an address.
    """
    from urllib.parse import urlsplit

    try:
        split = urlsplit(text)
        good = text.startswith(_SCHEMES) and bool(split.hostname) and (split.port is None or split.port > 0)
    except ValueError:
        good = False
    if not good or any(c.isspace() or not c.isprintable() for c in text):
        raise argparse.ArgumentTypeError(f"{text!r} is not an address such as http://127.0.0.1:8000/v1")
    if split.username or split.password:
        raise argparse.ArgumentTypeError("the address holds a key; put the key into a variable for --api-key-env")
    return text.rstrip("/")


def variable(text: str) -> str:
    """Return the name of an environment variable.

    Raises:
        ArgumentTypeError: the text is none; it is not repeated, because it may be the key itself.
    """
    if not (text.isidentifier() and text.isascii()):
        raise argparse.ArgumentTypeError("this is not the name of an environment variable; a key itself is never taken")
    return text


def seconds(text: str) -> float:
    """Return a positive, finite number of seconds.

    Raises:
        ArgumentTypeError: the number is not positive, or not finite.
        ValueError: the text is not a number.
    """
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds")
    return value


def temperature(text: str) -> float:
    """Return a temperature from 0 to 100.

    Raises:
        ArgumentTypeError: the number is outside of this range.
        ValueError: the text is not a number.
    """
    value = float(text)
    if not 0 <= value <= 100:
        raise argparse.ArgumentTypeError(f"{text} is not a temperature from 0 to 100")
    return value


def probability(text: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        ArgumentTypeError: the number is outside of this range.
        ValueError: the text is not a number.
    """
    value = float(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 to 1")
    return value
