"""`autotts lineage`, `show`, `diff`, `trace` and `transcript`: print versions, curves, episodes and conversations."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from autotts.envs.counting import counted
from autotts.envs.errors import InputError

from . import json_output, large_archives, options
from .options import Commands, add_command

if TYPE_CHECKING:
    from pydantic import BaseModel

    from autotts.envs.trace import Trace

    from ..archive.archive import Archive
    from ..archive.run_directory import Run
    from ..archive.version import ArchivedVersions, Version
    from ..population.overfitting.crossvalidation import CrossValidated
    from ..records.card import Card

_UNKNOWN = (
    "optimism: unknown, because there is one question only, or figures by question are missing "
    "(`autotts archive reindex` rebuilds them)"
)

_AUDITS = {
    "full": "full", "sample": "sampled: its figures are not final",
    None: "none: of an early version, or it uses more than answers",
}  # fmt: skip
"""How far a version was audited, in words."""


def add_parser(commands: Commands) -> None:
    """Add the commands."""
    command = add_command(
        commands, "lineage", lineage, "draw the lineage of versions, and the scaling curve", "autotts lineage runs/1"
    )
    options.run_or_archive(command, argument=True)
    options.json_output(command)
    command.group(options.OUTPUT).add_argument(
        "--all",
        action="store_true",
        help="every version (default: the front, the best version, and their ancestors)",
    )
    command = add_command(
        commands, "show", show, "show a version: card, curve, findings, source", "autotts show balanced"
    )
    command.add_argument("id", metavar="ID", help="a version or a champion")
    options.run_or_archive(command)
    options.json_output(command)
    command = add_command(
        commands, "diff", diff, "compare the sources and the curves of two versions", "autotts diff frugal balanced"
    )
    command.add_argument("first", metavar="FIRST", help="a version or a champion")
    command.add_argument("second", metavar="SECOND", help="a version or a champion")
    options.run_or_archive(command)
    options.json_output(command)
    command = add_command(
        commands, "trace", trace, "draw one episode, width against depth",
        "autotts trace balanced --env synthetic/small --question 3",
    )  # fmt: skip
    options.episode(command)
    options.run_or_archive(command)
    options.workers(command)
    options.json_output(command)
    command.group(options.OUTPUT).add_argument("--steps", action="store_true", help="also list the actions")
    command.group(options.OUTPUT).add_argument(
        "--conviction", action="store_true", help="show the episode that convicted the version, and its decoys"
    )
    command = add_command(
        commands, "transcript", transcript, "show the conversation that led to a version",
        "autotts transcript g003-propose-0 --run runs/1",
    )  # fmt: skip
    command.add_argument("id", metavar="ID", help="a version, or a conversation without one, such as g003-propose-0")
    options.run_or_archive(command)


def lineage(args: argparse.Namespace) -> int:
    """Draw the lineage, and the curves of the best version and the baselines."""
    import shutil

    from ..archive import resolve
    from ..archive.best import label
    from ..archive.names import run_of
    from ..archive.run_report import describe_gap, describe_optimism
    from ..archive.version import ArchivedVersions
    from ..population.overfitting.beliefs import optimism
    from ..reports.console.display import curves, version_tree
    from ..reports.console.terminal import console

    archive = resolve.chosen_archive(args.run, args.archive)
    if not args.all and not args.json and (view := large_archives.large_snapshot(archive)) is not None:
        large_archives.draw_lineage(archive, view)
        return 0
    versions = ArchivedVersions(archive)
    cards = versions.cards
    if not cards:
        raise InputError("the archive is empty; see `autotts discover --help`")
    run = run_of(archive)
    latency = run is not None and run.config.latency
    estimate = optimism(cards, archive.figures)
    json_output.write(args, lambda: _lineage_document(versions, estimate))
    chosen = versions.best.id if versions.best else ""
    console().print(version_tree(cards, args.all, latency, chosen, versions.given_names), highlight=False)
    gap = describe_gap(versions.report) if versions.report else []
    for line in [*gap, *(describe_optimism(estimate) or [_UNKNOWN])]:
        print(line)
    if versions.best is not None:
        print(f"best: {versions.best}")
    best = [card for card in cards if versions.best and card.id == versions.best.id]
    sampled = [card.id for card in best if card.audited == "sample"]
    if sampled:
        print(f"(sampled: {sampled[0]} was audited on a sample of its episodes; the end of its run audits all)")
    shown = {card.id: card for card in [*best, *(card for card in cards if card.generation == 0 and card.ok)]}.values()
    lines = {
        label(card.id, versions.given_names.get(card.id, "")): [(p.tokens, p.accuracy) for p in card.mean_curve]
        for card in shown
        if card.mean_curve
    }
    if not lines:
        return 0
    width = min(110, shutil.get_terminal_size((100, 24)).columns)
    print("\nscaling curve, mean of the search environments")
    print(curves(lines, width))
    return 0


def _lineage_document(versions: ArchivedVersions, estimate: tuple[Card, CrossValidated] | None) -> BaseModel:
    from ..archive.run_report import Optimism
    from .json_documents import LineageDocument
    from .json_rows import VersionRow

    return LineageDocument(
        archive=str(versions.archive.root), best=versions.best,
        optimism=Optimism.of(estimate[0].id, estimate[1]) if estimate else None, gap=versions.gap,
        versions=tuple(map(VersionRow.of, versions.by_id.values())),
    )  # fmt: skip


def show(args: argparse.Namespace) -> int:
    """Show a version."""
    from rich.syntax import Syntax

    from autotts.envs.plain_text import listing

    from ..archive import resolve
    from ..archive.version import ArchivedVersions
    from ..reports.console.display import curve_table
    from ..reports.console.terminal import console

    archive, id = resolve.find_version(args.id, args.run, args.archive)
    version = ArchivedVersions(archive).by_id[id]
    json_output.write(args, lambda: _show_document(version))
    for line in _describe(version):
        print(line)
    for line in _findings(version.card, archive):
        print(line)
    if version.mean_points:
        console().print(curve_table([(version.id, point) for point in version.mean_points]))
    console().print(Syntax(listing(version.source), "python", theme="ansi_dark", background_color="default"))
    return 0


def _show_document(version: Version) -> BaseModel:
    from .json_documents import ShowDocument
    from .json_rows import VersionRow

    return ShowDocument(version=VersionRow.of(version), card=version.card, source=version.source)


def _describe(version: Version) -> Iterator[str]:
    """Yield the lines of a version: origin, champion names, quality, behaviour, rationale, outcome and cost."""
    import textwrap

    from autotts.envs.plain_text import plain
    from autotts.sandbox.sealed_extras import declared_by

    from ..reports.console.display import behaviour_summary

    card = version.card
    yield plain(f"{card.id}  {card.name}")
    if version.champion_names:
        yield f"  champion   {', '.join(version.champion_names)}"
    yield f"  generation {card.generation}, by {card.explorer}, verdict {card.verdict}"
    if card.ok and card.generation > 0:
        yield f"  audit      {_AUDITS[card.audited]}"
    yield f"  parents    {', '.join(card.parents) or 'none'}"
    if card.island is not None:
        yield f"  born       on island {card.island}{', by ' + ' and '.join(card.arms) if card.arms else ''}"
    for line in _quality(version):
        yield f"  {line}"
    if uses := declared_by(version.source).in_words():
        yield plain(f"  uses       {uses}")
    if card.behaviour is not None:
        yield f"  behaviour  {behaviour_summary(card.behaviour)}"
    for label, text in (("rationale", card.rationale), ("outcome", card.outcome)):
        words = plain(f"{label:10} {' '.join(text.split())}")
        for line in textwrap.wrap(words, 100, subsequent_indent=" " * 11) if text else ():
            yield f"  {line}"
    if card.cost.calls:
        yield f"  cost       ${card.cost.dollars:.4f}, {counted(card.cost.calls, 'call')}, prompts {card.prompts}"
    if card.message:
        yield plain(f"  message    {card.message}")


def _findings(card: Card, archive: Archive) -> Iterator[str]:
    """Yield the findings, each with the commands that show its worst episodes, and the recordings that they need."""
    from shlex import quote

    from autotts.envs.plain_text import plain

    from ..archive import resolve
    from ..archive.names import qualified

    name, needed = quote(qualified(archive, card.id)), set()
    for finding in card.findings:
        yield plain(f"  finding    {finding.kind}: {finding.message}")
        for case in finding.worst[:2]:
            yield (
                f"             e.g. `autotts trace {name} --env {case.environment} --question {case.question}"
                f" --order {case.order} --beta {case.beta:g}`, step {case.step}, {case.tokens:,} tokens"
            )
            needed.add(case.environment)
    if missing := sorted(needed - resolve.environments_at_hand(archive)):
        yield f"             (`autotts trace` needs the recordings of {', '.join(missing)}: see `autotts docs data`)"


def _quality(version: Version) -> Iterator[str]:
    """Yield the qualities (measured, shrunk, and in the final evaluation), and the size of the source."""
    card, fresh = version.card, version.fresh
    if version.quality is not None:
        yield f"quality    {version.quality:.2f} in the search, the mean accuracy % over token budgets"
    if card.belief and card.generation > 0:
        parent = card.parents[0] if card.parents else "the mean"
        yield (
            f"shrunk     {version.shrunk_quality:.2f}: {card.belief.factor:.0%} of the difference from {parent}, "
            f"with a standard error of {card.belief.error:.2f}"
        )
    if fresh is not None and fresh.quality is not None:
        leads = ", ".join(f"{lead.value:+.2f} over {name}" for name, lead in fresh.leads.items())
        yield f"final      {fresh.quality:.2f} on {fresh.where}{f' ({leads})' if leads else ''}"
    elif fresh is not None:
        yield f"final      failed in the final evaluation: {fresh.failure}"
    if card.complexity:
        yield f"complexity {card.complexity.constants} free constants, {card.complexity.branches} branches"


def transcript(args: argparse.Namespace) -> int:
    """Print the conversation that led to a version, or a named conversation of a run."""
    from autotts.envs.plain_text import listing

    from ..archive import resolve

    if _CONVERSATION.fullmatch(args.id):
        print(listing(_conversation(resolve.chosen_run(args.run), args.id)))
        return 0
    archive, version = resolve.find_version(args.id, args.run, args.archive)
    print(listing(archive.transcript(version)))
    return 0


_CONVERSATION = re.compile(r"g\d{3,}-(propose|refine)-\d+")


def _conversation(run: Run, name: str) -> str:
    """Return the text of a conversation with a language model, or with a coding agent.

    Raises:
        InputError: the run has no conversation of this name.
    """
    from pydantic import ValidationError

    from autotts.envs.seals import read_sealed

    from ..explorers.coding_agent.directory import WorkspaceResult
    from ..llm.calls import TRANSCRIPT

    result = run.home / "workspaces" / f"{name}.result.json"
    with suppress(FileNotFoundError):
        return read_sealed(run.home / "calls" / f"{name}{TRANSCRIPT}").decode("utf-8", "replace")
    with suppress(FileNotFoundError, ValidationError):
        return WorkspaceResult.model_validate_json(read_sealed(result)).transcript
    raise InputError(f'{run.home} has no conversation {name}: see `"event": "conversation"` in its events.jsonl')


def diff(args: argparse.Namespace) -> int:
    """Compare the sources and the curves of two versions."""
    import difflib

    from rich.syntax import Syntax

    from autotts.envs.plain_text import listing

    from ..archive import resolve
    from ..archive.version import ArchivedVersions
    from ..reports.console.terminal import console

    found = [resolve.find_version(text, args.run, args.archive) for text in (args.first, args.second)]
    first, second = (ArchivedVersions(archive).by_id[id] for archive, id in found)
    before, after = first.source.splitlines(), second.source.splitlines()
    lines = "\n".join(difflib.unified_diff(before, after, first.id, second.id, lineterm=""))
    json_output.write(args, lambda: _diff_document(first, second, lines))
    text = listing(lines)
    console().print(Syntax(text or "the sources are the same", "diff", theme="ansi_dark", background_color="default"))
    print(f"\n{'beta':>5} {first.id:>30} {second.id:>30}")
    for a, b in zip(first.curve, second.curve, strict=False):
        print(f"{a.beta:5.2f} {a.accuracy:13.2f}% {a.tokens:14,.0f} {b.accuracy:14.2f}% {b.tokens:14,.0f}")
    return 0


def _diff_document(first: Version, second: Version, diff: str) -> BaseModel:
    from .json_documents import DiffDocument
    from .json_rows import VersionRow

    return DiffDocument(first=VersionRow.of(first), second=VersionRow.of(second), diff=diff)


def trace(args: argparse.Namespace) -> int:
    """Run one episode, and draw it."""
    import shutil

    from autotts.envs.trace import as_text, picture
    from autotts.envs.trace import trace as read_trace
    from autotts.sandbox.sealed_extras import declared_by

    from ..reports.console.terminal import console, shows_colours
    from .conviction import show_conviction
    from .episode import run_episode

    if args.conviction:
        return show_conviction(args)
    batch, logs, candidate = run_episode(args)
    found = read_trace(batch, logs, 0, declared_by(candidate.source).names)
    json_output.write(args, lambda: _trace_document(found))
    print(f"controller {args.id}")
    console().drawing(picture(found, shutil.get_terminal_size((100, 24)).columns, shows_colours()))
    if args.steps:
        print(as_text(found))
    return 0


def _trace_document(found: Trace) -> BaseModel:
    from .json_documents import TraceDocument

    return TraceDocument(found)
