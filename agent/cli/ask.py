"""`autotts ask`: asks a live model one question with a controller, and draws the branches while they grow."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import json_output, live_options, options, verifier_options
from .messages import notice, tell_progress, warn
from .options import Commands

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.live.endpoint import HttpEndpoint
    from autotts.envs.live.episode_state import EpisodeState
    from autotts.envs.live.settings import LiveSettings
    from autotts.sandbox.outcome import Candidate

    from ..live.asking import LiveAnswer
    from ..reports.console.terminal import TerminalConsole

_MOST_BYTES = 4_000_000
"""The longest question that is read from standard input."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "ask", run, "ask a live model one question with a controller, and draw its branches",
        'autotts ask balanced "What is 12 * 13?" --base-url http://127.0.0.1:8000/v1',
        "autotts ask balanced - --beta 0.8 --show-text",
    )  # fmt: skip
    command.add_argument("id", metavar="CONTROLLER", help="a version, a baseline, a champion, or a path")
    command.add_argument("question", metavar="QUESTION", help="the question, or - to read it from standard input")
    live_options.add_live_options(command)
    verifier_options.add_verifier(command, verifier_options.CHARGED)
    verifier_options.add_alternatives(command)
    command.group(options.EPISODES).add_argument(
        "--beta", type=float, default=0.5, metavar="B", help="value of beta (default: 0.5)"
    )
    command.group(live_options.MODEL).add_argument(
        "--system", metavar="TEXT", help="system message before the question"
    )
    command.group(options.OUTPUT).add_argument(
        "--show-text", action="store_true", help="also print the text of the branch that gave the answer"
    )
    options.run_or_archive(command)
    options.sandbox(command)
    options.json_output(command)


def run(args: argparse.Namespace) -> int:
    """Ask the question; return exit code 1 if the controller failed, or found no answer."""
    from ..archive import resolve

    candidate = resolve.controller(args.id, args.run, args.archive)
    question = _question(args.question)
    if not 0 <= args.beta <= 1:
        raise InputError(f"--beta is {args.beta:g}, but must lie in [0, 1]")
    messages = [{"role": "user", "content": question}]
    if args.system:
        messages.insert(0, {"role": "system", "content": args.system})
    with live_options.chosen_servers(args) as (server,):
        endpoint, found = asyncio.run(_ask(args, server, candidate, messages))
    json_output.write(args, lambda: _document(args, candidate, endpoint, found))
    _print(args, found)
    if not found.verdict.ok:
        warn(f"{candidate.name}: {found.verdict.kind}: {found.verdict.message}")
    return 0 if found.verdict.ok and found.answer is not None else 1


def _question(text: str) -> str:
    """Return the question: ``text``, or what stands on standard input if it is -.

    Raises:
        InputError: the question is empty, too long, or not text.
    """
    if text == "-":
        data = sys.stdin.buffer.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise InputError(f"standard input has more than {_MOST_BYTES:,} bytes: this is no question")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise InputError("standard input is not text in UTF-8") from None
    if not text.strip():
        raise InputError("the question is empty")
    if any("\ud800" <= c <= "\udfff" for c in text):  # bytes of the command line that are no text
        raise InputError("the question is not text in UTF-8")
    return text.strip()


async def _ask(
    args: argparse.Namespace, server: live_options.ServerAddress, candidate: Candidate, messages: list[dict[str, str]]
) -> tuple[HttpEndpoint, LiveAnswer]:
    """Return the endpoint, closed, and the answer."""
    from autotts.envs.live.episode_state import EpisodeObserver

    from ..live.asking import ask
    from ..reports.console.terminal import console

    verifier = verifier_options.chosen_verifier(args)
    asked = verifier_options.alternatives(args, candidate)
    async with live_options.connected(args, server, asked) as endpoint, verifier_options.closing(verifier):
        verifier_options.check_needs(candidate, endpoint, verifier)
        settings = live_options.live_settings(args, endpoint.model, endpoint.context)
        reader = live_options.answer_reader(args, endpoint.model)
        async with live_options.live_workers(args, candidate, questions=1) as workers:
            with _growing(console(), settings) as show:
                found, episode = await ask(
                    endpoint, workers, messages, reader, settings, args.beta, EpisodeObserver(on_change=show), verifier
                )
    _draw(episode.state, settings)
    return endpoint, found


@contextmanager
def _growing(screen: TerminalConsole, settings: LiveSettings) -> Iterator[Callable[[EpisodeState], None]]:
    """Yield a function that shows an episode after each of its actions: a picture on a terminal, else a line."""
    from rich.live import Live
    from rich.text import Text

    from ..live.growing_picture import ProgressLines, growing_picture

    if not screen.is_terminal:
        lines = ProgressLines(settings)

        def say(state: EpisodeState) -> None:
            if line := lines.next(state):
                tell_progress(line)

        yield say
        return
    with Live(console=screen, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False) as live:

        def draw(state: EpisodeState) -> None:
            picture = growing_picture(state, settings, screen.width, not screen.no_color, screen.height)
            live.update(Text.from_ansi(picture), refresh=True)

        yield draw


def _draw(state: EpisodeState, settings: LiveSettings) -> None:
    """Print the picture of an episode that has ended."""
    import shutil

    from ..live.growing_picture import growing_picture
    from ..reports.console.terminal import console, shows_colours

    width = shutil.get_terminal_size((100, 24)).columns
    console().drawing(growing_picture(state, settings, width, shows_colours()))


def _print(args: argparse.Namespace, found: LiveAnswer) -> None:
    """Print the answer, and what it has cost."""
    from autotts.envs.counting import counted
    from autotts.envs.plain_text import listing, plain

    from ..live.growing_picture import describe_votes

    if args.show_text and found.text:
        print(listing(found.text), end="\n\n")
    for line in found.lost:
        notice(f"lost: {plain(line)}")
    use, probes = found.use, found.probe_use
    print(f"answer: {'no answer' if found.answer is None else plain(found.answer)}")
    print(f"votes: {describe_votes(found.vote)}, confidence {found.vote.confidence:.1%}")
    print(
        f"spent: {found.tokens:,} tokens, critical path {found.latency:,} tokens and {found.seconds:.1f} s, "
        f"{counted(found.branches, 'branch')}, {found.pruned} pruned"
    )
    print(
        f"server: {use.generated:,} tokens generated for branches and {probes.generated:,} for probes, "
        f"{use.cancelled + probes.cancelled:,} cancelled; prompts {use.prefilled + probes.prefilled:,} computed and "
        f"{use.cached + probes.cached:,} cached; {counted(use.requests + probes.requests, 'request')}, "
        f"{use.retries + probes.retries} of them again"
    )


def _document(args: argparse.Namespace, candidate: Candidate, endpoint: HttpEndpoint, found: LiveAnswer) -> BaseModel:
    from .live_documents import AskDocument

    return AskDocument.of(candidate.name, args.beta, endpoint.model, endpoint.level, found)
