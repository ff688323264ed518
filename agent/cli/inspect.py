"""`autotts lineage`, `show`, `diff` and `trace`: looking at what is there."""

from __future__ import annotations

import argparse
import difflib
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import suppress

from pydantic import ValidationError
from rich.syntax import Syntax

from envs import catalogue
from envs.episodes import Episodes, Logs, grid
from envs.errors import InputError
from envs.statistics import Floats
from envs.store import Environment
from envs.trace import as_text, picture
from envs.trace import trace as read_trace
from sandbox.evaluation import CandidateFailed, evaluate

from .. import population
from ..archive import resolve
from ..archive.run_directory import Run
from ..archive.run_report import describe_optimism
from ..explorers.coding_agent.directory import WorkspaceResult
from ..explorers.registry import workspaces
from ..llm.calls import TRANSCRIPT
from ..population.overfitting.beliefs import optimism
from ..records.card import Card
from ..reports.console.display import console, curve_table, curves, deeds, family, listing, plain

_UNKNOWN = "optimism: not known, for one question or without figures by question (`autotts archive reindex` makes them)"


def lineage(args: argparse.Namespace) -> int:
    """Draw the family, and the curves of its front against the seeds."""
    archive = resolve.chosen_archive(args.home, args.archive)
    cards = archive.believed()
    if not cards:
        raise InputError("the archive is empty; see `autotts discover --help`")
    latency = args.archive is None and resolve.chosen_run(args.home).config.latency
    console().print(family(cards, args.all, latency), highlight=False)
    for line in describe_optimism(optimism(cards, archive.figures)) or [_UNKNOWN]:
        print(line)
    best = [card for card in population.ranked(cards) if card.generation > 0][:1]
    shown = [*best, *(card for card in cards if card.generation == 0 and card.ok)]
    lines = {card.id: [(p.tokens, p.accuracy) for p in card.mean_curve] for card in shown if card.mean_curve}
    if not lines:
        return 0
    width = min(110, shutil.get_terminal_size((100, 24)).columns)
    print("\nscaling curve, mean of the search environments")
    print(curves(lines, width))
    return 0


def show(args: argparse.Namespace) -> int:
    """Show a version."""
    archive, version = resolve.version(args.id, args.home, args.archive)
    cards = archive.believed()
    card = next(card for card in cards if card.id == version)
    print(plain(f"{card.id}  {card.name}"))
    print(f"  generation {card.generation}, by {card.explorer}, verdict {card.verdict}")
    print(f"  parents    {', '.join(card.parents) or 'none'}")
    if card.island is not None:
        print(f"  born       on island {card.island}{', by ' + ' and '.join(card.arms) if card.arms else ''}")
    for line in _quality(card, population.budgets(cards)):
        print(f"  {line}")
    if card.behaviour is not None:
        print(f"  behaviour  {deeds(card.behaviour)}")
    for label, text in (("rationale", card.rationale), ("outcome", card.outcome)):
        words = plain(f"{label:10} {' '.join(text.split())}")
        for line in textwrap.wrap(words, 100, subsequent_indent=" " * 11) if text else ():
            print(f"  {line}")
    if card.cost.calls:
        print(f"  cost       ${card.cost.dollars:.4f}, {card.cost.calls} calls, prompts {card.prompts}")
    if card.message:
        print(plain(f"  message    {card.message}"))
    for finding in card.findings:
        print(plain(f"  finding    {finding.kind}: {finding.message}"))
        for case in finding.worst[:2]:
            print(
                f"             e.g. `autotts trace {card.id} --env {case.environment} --question {case.question}"
                f" --order {case.order} --beta {case.beta:g}`, step {case.step}, {case.tokens:,} tokens"
            )
    rows = [(card.id, point) for point in archive.card(version).mean_points]
    if rows:
        console().print(curve_table(rows))
    console().print(Syntax(listing(archive.source(card.id)), "python", theme="ansi_dark", background_color="default"))
    return 0


def _quality(card: Card, at: Floats) -> Iterator[str]:
    """Yield what was measured and what is believed of a version, and how complicated it is."""
    if card.ok:
        yield f"quality    {population.quality(card, at):.2f} in the search, the mean accuracy % over token budgets"
    if card.belief and card.generation > 0:
        parent = card.parents[0] if card.parents else "the mean"
        yield (
            f"believed   {population.merit(card, at):.2f}: {card.belief.factor:.0%} of its difference from {parent}, "
            f"whose standard error is {card.belief.error:.2f}"
        )
    if card.complexity:
        yield f"complexity {card.complexity.constants} free constants, {card.complexity.branches} branches"


def transcript(args: argparse.Namespace) -> int:
    """Print the conversation that led to a version, or one of a run, which may have led to none."""
    if _CONVERSATION.fullmatch(args.id):
        print(listing(_conversation(resolve.chosen_run(args.home), args.id)))
        return 0
    archive, version = resolve.version(args.id, args.home, args.archive)
    print(listing(archive.transcript(version)))
    return 0


_CONVERSATION = re.compile(r"g\d{3,}-(propose|refine)-\d+")


def _conversation(run: Run, name: str) -> str:
    result = workspaces(run) / f"{name}.result.json"
    with suppress(FileNotFoundError):
        return (run.home / "calls" / f"{name}{TRANSCRIPT}").read_text(encoding="utf-8")
    with suppress(FileNotFoundError, ValidationError):
        return WorkspaceResult.model_validate_json(result.read_bytes()).transcript
    raise InputError(f"{run.home} has no conversation {name}: see `\"event\": \"conversation\"` in its events.jsonl")


def diff(args: argparse.Namespace) -> int:
    """Compare the sources and the curves of two versions."""
    versions = [resolve.version(text, args.home, args.archive) for text in (args.first, args.second)]
    first, second = (archive.card(version) for archive, version in versions)
    before, after = (archive.source(version).splitlines() for archive, version in versions)
    lines = difflib.unified_diff(before, after, first.id, second.id, lineterm="")
    text = listing("\n".join(lines))
    console().print(Syntax(text or "the sources are the same", "diff", theme="ansi_dark", background_color="default"))
    print(f"\n{'beta':>5} {first.id:>30} {second.id:>30}")
    for a, b in zip(first.mean_curve, second.mean_curve, strict=False):
        print(f"{a.beta:5.2f} {a.accuracy:13.2f}% {a.tokens:14,.0f} {b.accuracy:14.2f}% {b.tokens:14,.0f}")
    return 0


def trace(args: argparse.Namespace) -> int:
    """Run one episode again, and draw it."""
    only, logs = played(args)
    found = read_trace(only, logs, 0)
    print(picture(found, shutil.get_terminal_size((100, 24)).columns, sys.stdout.isatty()))
    if args.steps:
        print(as_text(found))
    return 0


def played(args: argparse.Namespace) -> tuple[Episodes, Logs]:
    """Run the one episode that the command line names, in a sandbox.

    Raises:
        InputError: there is no such controller, environment or question.
        CandidateFailed: the controller failed.
    """
    candidate = resolve.controller(args.id, args.home, args.archive)
    (environment,) = _one_environment(args)
    if not 0 <= args.question < len(environment):
        raise InputError(f"{environment.name} has questions 0 to {len(environment) - 1}, not {args.question}")
    only = grid([environment], [args.beta], [args.seed], args.max_branches).only(args.question)
    with resolve.sandbox(args, [candidate]) as sandbox:
        result = evaluate(candidate, only, sandbox)
    if result.logs is None:
        raise CandidateFailed(candidate, result.verdict)
    return only, result.logs


def _one_environment(args: argparse.Namespace) -> Sequence[Environment]:
    """Return the environment that was named: under the data root, in the run, or a synthetic one."""
    try:
        run = resolve.chosen_run(args.home)
    except InputError:
        run = None
    if args.env is None:
        return (run.environments() if run else resolve.environments(None, None))[:1]
    root = catalogue.data_root(args.data)
    if args.env in catalogue.names(root):
        return catalogue.find(root, [args.env])
    for environment in [*(run.environments() if run else []), *resolve.environments(None, None)]:
        if environment.name == args.env:
            return [environment]
    return catalogue.find(root, [args.env])[:1]
