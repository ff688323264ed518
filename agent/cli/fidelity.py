"""`autotts fidelity`: says whether a controller does live what its replay predicts."""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError

from . import json_output, live_options, options, verifier_options
from .messages import notice, warn
from .options import Commands, count, whole

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.live.kept_episode import KeptEpisode
    from autotts.envs.live.repetition import EpisodeComparison
    from autotts.envs.live.verifier import Verifier
    from autotts.envs.statistics import Floats
    from autotts.sandbox.outcome import Candidate

    from ..live.collected import CollectedEnvironmentSetup
    from ..live.fidelity import Fidelity, LiveResult

_AT_ONCE = 16
"""Episodes that are played at once; the requests of their branches run side by side in each."""
_EPISODES = "episodes.jsonl"
"""The file in the directory of `autotts serve --keep`."""
_SHOWN = 10
"""Kept episodes that differ and are listed."""


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "fidelity", run, "compare a controller's live episodes with replay; exit code 1 if they differ",
        "autotts fidelity balanced --env sums/my-model --base-url http://127.0.0.1:8000/v1 --beta 0.5",
        "autotts fidelity balanced --episodes episodes.jsonl",
    )  # fmt: skip
    command.add_argument("id", metavar="CONTROLLER", help="a version, a baseline, a champion, or a path")
    group = command.group(options.ENVIRONMENTS)
    group.add_argument(
        "--env", metavar="ENV", help="environment of `autotts collect`, whose questions are asked again: a name, or a "
        "pattern that only one name matches",
    )  # fmt: skip
    group.add_argument(
        "--episodes",
        metavar="FILE",
        help="instead: episodes that `autotts serve --keep` has kept (the file, or its directory), to replay each",
    )
    options.data_root(command)
    live_options.add_server(command)
    verifier_options.add_verifier(command)
    verifier_options.add_alternatives(command)
    group = command.group(options.EPISODES)
    group.add_argument("--beta", type=options.number, nargs="+", metavar="B", help="values of beta (default: 0.5)")
    group.add_argument("--questions", type=count, metavar="N", help="ask the first N questions (default: all)")
    group.add_argument("--repeats", type=count, default=1, metavar="N", help="live episodes of a question (default: 1)")
    group.add_argument(
        "--orders", type=count, default=50, metavar="N", help="branch orders of the prediction (default: 50)"
    )
    group.add_argument(
        "--forks-anywhere", action="store_true",
        help="let the live controller fork branches freely (default: only where a recorded branch was forked)",
    )  # fmt: skip
    group.add_argument("--seed", type=whole, default=0, metavar="N", help="seed of the live branches (default: 0)")
    group = command.group(options.BUDGET)
    group.add_argument(
        "--branches", type=count, metavar="N", help="branches of a question at most (default: all that are recorded)"
    )
    group.add_argument("--max-tokens", type=count, metavar="N", help="tokens of a question at most (default: no limit)")
    options.run_or_archive(command)
    options.workers(command)
    options.json_output(command)


def run(args: argparse.Namespace) -> int:
    """Compare; return exit code 1 if live and replay differ."""
    from ..archive import resolve

    if (args.env is None) == (args.episodes is None):
        raise InputError("name either --env, an environment of `autotts collect`, or --episodes, a file of kept ones")
    candidate = resolve.controller(args.id, args.run, args.archive)
    return _repeat_kept(args, candidate) if args.episodes else _compare_collected(args, candidate)


# Collected questions


def _compare_collected(args: argparse.Namespace, candidate: Candidate) -> int:
    from autotts.envs.counting import counted

    from ..archive import resolve
    from ..live.collected import CollectedEnvironmentSetup
    from ..live.fidelity import compare_with_replay

    betas = sorted(set(args.beta or (0.5,)))
    if wrong := [beta for beta in betas if not 0 <= beta <= 1]:
        raise InputError(f"--beta is {wrong[0]:g}, but must lie in [0, 1]")
    environments = resolve.environments([args.env], args.data)
    if len(environments) > 1:
        names = ", ".join(environment.name for environment in environments)
        raise InputError(f"--env {args.env!r} matches {len(environments)} environments, but one is needed: {names}")
    setup = CollectedEnvironmentSetup.of(environments[0])
    questions = range(min(args.questions or len(environments[0]), len(environments[0])))
    if len(questions) < 2:
        raise InputError(f"{counted(len(questions), 'question')}: an interval needs two at least")
    verifier = _verifier(args, candidate, setup)
    notice(f"{environments[0].name}: {counted(len(questions), 'question')}, collected from {setup.model}")
    predicted = _predicted(args, candidate, setup, betas)
    with live_options.chosen_servers(args) as (server,):
        live = asyncio.run(_run_live(args, server, candidate, setup, questions, betas, verifier))
    found = [compare_with_replay(live[beta], predicted[beta], beta) for beta in betas]
    lost = sum(result.lost for results in live.values() for result in results)
    if lost:
        warn(f"{counted(lost, 'request')} lost for good: live branches without an answer are part of the difference")
    _print(candidate, found)
    json_output.write(args, lambda: _document(candidate, setup, found, live, predicted))
    return 0 if all(each.agrees for each in found) else 1


def _verifier(args: argparse.Namespace, candidate: Candidate, setup: CollectedEnvironmentSetup) -> Verifier | None:
    """Return the verifier of the live controller; None if it asks none, or if its replay has none.

    Raises:
        InputError: the controller asks a verifier in replay, and would have none live.
    """
    from autotts.envs.declarations import read_declarations

    verifier = verifier_options.chosen_verifier(args)
    if setup.environment.verifier is None or not read_declarations(candidate.source).verifier:
        return None
    was = f"that of the collection was {setup.verifier or 'not written down'}"
    if verifier is None:
        raise InputError(f"{candidate.name} asks a verifier: name one with --verifier ({was})")
    if verifier.name != setup.verifier:
        warn(f"the live branches are scored by {verifier.name}, but {was}")
    return verifier


def _predicted(
    args: argparse.Namespace, candidate: Candidate, setup: CollectedEnvironmentSetup, betas: list[float]
) -> dict[float, Floats]:
    """Return the prediction of replay for each beta: (questions, 3) means over branch orders."""
    from autotts.envs.episodes import MAX_BRANCHES, grid
    from autotts.envs.statistics import samples
    from autotts.sandbox.evaluation import CandidateFailed, measure, require_needs

    from ..archive import resolve
    from ..reports.console.bars import ProgressBars

    env = setup.environment
    most = max(len(env.branches(question)) for question in range(len(env)))
    episodes = grid([env], betas, range(args.orders), args.branches or max(most, MAX_BRANCHES), args.max_tokens)
    require_needs([candidate], episodes)
    with resolve.sandbox(args, [candidate]) as sandbox, ProgressBars() as bars:
        notice(f"sandbox {resolve.describe_sandbox(args, sandbox)}")
        done = measure(candidate, episodes, sandbox, bars.add("replay", len(episodes)))
    if done.figures is None:
        raise CandidateFailed(candidate, done.verdict)
    return {sample.beta: sample.tables[0] for sample in samples(done.figures)}


async def _run_live(
    args: argparse.Namespace, server: live_options.ServerAddress, candidate: Candidate,
    setup: CollectedEnvironmentSetup, questions: range, betas: list[float], verifier: Verifier | None,
) -> dict[float, list[LiveResult]]:  # fmt: skip
    """Return the live results for each beta."""
    from autotts.envs.live.collecting.servers import CollectServer

    from ..live.fidelity_run import run_live
    from ..reports.console.bars import ProgressBars

    seeds = range(args.seed, args.seed + args.repeats)
    found = {}
    asked = verifier_options.alternatives(args, candidate, setup.alternatives)
    async with live_options.connected(args, server, asked) as endpoint, verifier_options.closing(verifier):
        verifier_options.check_needs(candidate, endpoint, verifier)
        template = (await CollectServer.of(endpoint.base_url, endpoint)).template
        for line in setup.mismatches(endpoint.model, endpoint.level, template):
            warn(line)
        async with live_options.live_workers(args, candidate, _AT_ONCE) as workers:
            with ProgressBars() as bars:
                bar = bars.add("live", len(betas) * len(questions) * args.repeats)
                for beta in betas:
                    found[beta] = await run_live(
                        endpoint, workers, candidate, setup, questions, beta=beta, max_branches=args.branches,
                        max_tokens=args.max_tokens, seeds=seeds, done=bar, verifier=verifier,
                        forks_anywhere=args.forks_anywhere,
                    )  # fmt: skip
    return found


def _print(candidate: Candidate, found: list[Fidelity]) -> None:
    """Print a table of the comparison, and the result in a sentence for each beta."""
    from rich.table import Table

    from ..reports.console.display import interval
    from ..reports.console.terminal import console

    digits = {"accuracy": 1, "tokens": 0, "latency": 0}
    table = Table("beta", "measure", "live", "replay", "live minus replay", "",
                  title=f"{candidate.name}, with 97.5% intervals over questions")  # fmt: skip
    names = {"accuracy": "accuracy, %", "tokens": "tokens", "latency": "latency, tokens"}
    for each in found:
        for figure in each.figures:
            most = digits[figure.measure]
            table.add_row(
                f"{each.beta:g}", names[figure.measure],
                f"{figure.live:,.{most}f}", f"{figure.replay:,.{most}f}",
                interval(figure.difference, figure.interval, most), "agrees" if figure.agrees else "differs",
            )  # fmt: skip
    console().print(table)
    for each in found:
        print(f"beta {each.beta:g}: {each.sentence()}")


def _document(
    candidate: Candidate, setup: CollectedEnvironmentSetup, found: list[Fidelity],
    live: dict[float, list[LiveResult]], predicted: dict[float, Floats],
) -> BaseModel:  # fmt: skip
    from .live_documents import FidelityDocument

    return FidelityDocument.of_collected(candidate.name, setup.environment, found, live, predicted)


# Kept episodes


def _repeat_kept(args: argparse.Namespace, candidate: Candidate) -> int:
    from autotts.envs.counting import counted
    from autotts.envs.plain_text import plain

    kept = _kept(args, candidate)
    compared = asyncio.run(_repeat(args, candidate, kept))
    differing = [each for each in compared if not each.same]
    for each in differing[:_SHOWN]:
        print(plain(f"{each.episode}: {'; '.join(each.differences)}"))
    if len(differing) > _SHOWN:
        print(f"... and {len(differing) - _SHOWN} more")
    same = len(compared) - len(differing)
    print(f"{counted(len(compared), 'episode')}: {same} the same in replay, bit for bit; {len(differing)} differ")
    json_output.write(args, lambda: _kept_document(candidate, compared))
    return 1 if differing else 0


def _kept(args: argparse.Namespace, candidate: Candidate) -> list[KeptEpisode]:
    """Return the kept episodes of the controller that ended by themselves.

    Raises:
        InputError: the file cannot be read, or has none.
    """
    from autotts.envs.counting import counted
    from autotts.envs.live.kept_episode import read_episodes

    from ..archive.archive import sha256

    path = Path(args.episodes)
    read = list(read_episodes(path / _EPISODES if path.is_dir() else path))
    mine = sha256(candidate.source.encode(errors="replace"))
    own = [episode for episode in read if episode.controller_hash in ("", mine)]
    kept = [episode for episode in own if episode.verdict == "ok"]
    if len(own) < len(read):
        notice(f"left out: {counted(len(read) - len(own), 'episode')} of another controller")
    if len(kept) < len(own):
        notice(f"left out: {counted(len(own) - len(kept), 'episode')} that did not end by {candidate.name} itself")
    if not kept:
        raise InputError(f"{args.episodes}: holds no whole episode of {candidate.name}")
    return kept


async def _repeat(args: argparse.Namespace, candidate: Candidate, kept: list[KeptEpisode]) -> list[EpisodeComparison]:
    from ..live.fidelity_run import repeat
    from ..reports.console.bars import ProgressBars

    async with live_options.live_workers(args, candidate, _AT_ONCE) as workers:
        with ProgressBars() as bars:
            return await repeat(kept, workers, bars.add("replay", len(kept)))


def _kept_document(candidate: Candidate, compared: list[EpisodeComparison]) -> BaseModel:
    from .live_documents import FidelityDocument

    return FidelityDocument.of_kept(candidate.name, compared)
