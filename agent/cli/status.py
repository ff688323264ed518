"""`autotts status`: prints the progress, the best versions and the cost of a run."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from . import json_output, large_archives, options
from .options import Commands

if TYPE_CHECKING:
    from pydantic import BaseModel

    from ..archive.run_directory import Run, RunConfig
    from ..archive.run_report import RunReport
    from ..archive.snapshot import ArchiveSnapshot
    from ..archive.version import ArchivedVersions
    from ..llm.budget import Spending
    from ..population.overfitting.crossvalidation import CrossValidated
    from ..records.card import Card


def add_parser(commands: Commands) -> None:
    """Add the command."""
    command = options.add_command(
        commands, "status", status, "print the progress, the best versions, the cost and the settings of a run",
        "autotts status runs/1",
    )  # fmt: skip
    options.run_directory(command)
    options.json_output(command)


def status(args: argparse.Namespace) -> int:
    """Print the state of a run."""
    from autotts.envs.plain_text import plain

    from ..archive import resolve
    from ..archive.run_hold import running
    from ..archive.run_report import describe_gap, describe_optimism
    from ..archive.run_settings import describe_settings, read_settings
    from ..archive.version import ArchivedVersions
    from ..population.overfitting.beliefs import optimism
    from ..reports.console.display import curve_table
    from ..reports.console.terminal import console

    run = resolve.chosen_run(args.run)
    if not args.json and (view := large_archives.large_snapshot(run.archive)) is not None:
        return _large_status(run, view)
    versions = ArchivedVersions(run.archive)
    cards, state = versions.cards, run_state(run, versions.report)
    estimate = optimism(cards, run.archive.figures)
    json_output.write(args, lambda: _document(run, versions, state, estimate))
    print(f"run {run.home}: {state}, explorer {plain(run.config.explorer)}")
    for line in (*_progress(run, cards), *_code(run)):
        print(plain(line))
    gap = describe_gap(versions.report) if versions.report else []
    for line in [*gap, *describe_optimism(estimate)]:
        print(f"  {plain(line)}")
    for line in _best(cards, versions.ranked):
        print(plain(line))
    if versions.best is not None:
        print(f"  best: {plain(str(versions.best))}")
        best = versions.by_id.get(versions.best.id)
        if best is not None:
            console().print(curve_table([(best.id, point) for point in best.mean_points]))
    for number, line in enumerate(describe_settings(read_settings(run))):
        print(f"  {'' if number else 'settings':12} {plain(line)}")
    if state != FINISHED and running(run.home) is None:
        print(f"go on with `autotts resume {run.home}`")
    return 0


def _large_status(run: Run, view: ArchiveSnapshot) -> int:
    """Print the state of a run with thousands of versions, from its overview."""
    from autotts.envs.plain_text import plain

    from ..archive.run_report import describe_gap, describe_optimism, read_report
    from ..archive.run_settings import describe_settings, read_settings

    report = read_report(run)
    best = view.best(report, run.given_names())
    brief = view.overview
    print(f"run {run.home}: {run_state(run, report, brief.reached)}, explorer {plain(run.config.explorer)}")
    lines = list(large_archives.progress(brief, run.config.latency, run.config.islands, run.config.generations))
    lines.append(f"  spent        {_spent(run)}")
    gap = describe_gap(report) if report else []
    optimism = describe_optimism(large_archives.optimism_of(report)) or [large_archives.OPTIMISM]
    lines += [f"  {line}" for line in (*gap, *optimism)]
    cards = large_archives.best_cards(run.archive, brief)
    lines += _best([run.archive.card(row.id) for row in brief.rows if row.generation == 0] + [*cards], cards)
    lines += [f"  best: {best}"] if best else []
    for number, line in enumerate(describe_settings(read_settings(run))):
        lines.append(f"  {'' if number else 'settings':12} {line}")
    for line in lines:
        print(plain(line))
    return 0


def _document(
    run: Run, versions: ArchivedVersions, state: str, estimate: tuple[Card, CrossValidated] | None
) -> BaseModel:
    from .. import population
    from ..archive.run_report import Optimism
    from ..archive.run_settings import read_settings
    from .json_documents import StatusDocument
    from .json_rows import VersionRow

    cards, config = versions.cards, run.config
    return StatusDocument(
        run=str(run.home), state=state, explorer=config.explorer, environments=config.environments,
        holdout=config.holdout, held_out=config.held_out, simulated=config.simulated, generation=_reached(cards),
        generations=config.generations, versions=len(cards), failures=_failures(cards), spent=_spent(run),
        limits=run.limits(),
        hypervolume=population.hypervolume(cards, config.latency),
        credits=population.credits(cards, latency=config.latency), episodes_per_second=_speed(run),
        optimism=Optimism.of(estimate[0].id, estimate[1]) if estimate else None, gap=versions.gap, best=versions.best,
        ranked=tuple(VersionRow.of(versions.by_id[card.id]) for card in versions.ranked[:_SHOWN]),
        settings=read_settings(run),
    )  # fmt: skip


FINISHED = "finished"
_SHOWN = 5
"""Number of versions that are listed."""


def run_state(run: Run, report: RunReport | None, reached: int | None = None) -> str:
    """Return in words whether a run is being worked on, has finished, has reached a limit, or can go on.

    Args:
        run: the run.
        report: its final evaluation, if there is one.
        reached: its last archived generation; None looks it up.
    """
    from ..archive.run_hold import running
    from ..records.events import RunFinished

    if (busy := running(run.home)) is not None:
        return f"running ({busy})"
    if report is None:
        return "not finished"
    ends = run.events_of(RunFinished)
    if not ends:
        return FINISHED
    if reached is None:
        reached = max((card.generation for card in run.archive.cards()), default=0)
    if reached >= run.config.generations:
        return FINISHED
    return f"stopped early ({ends[-1].stopped})" if ends[-1].stopped else "not finished"


def _progress(run: Run, cards: Sequence[Card]) -> Iterator[str]:
    """Yield lines on the search set, the generations, the failures, the cost, the explorers and the speed."""
    from autotts.envs.counting import counted

    from .. import population
    from ..population.credit import by_arm

    latency = run.config.latency
    yield f"  search set   {', '.join(run.config.environments)}"
    if run.config.held_out:
        counts = {env.name: len(env) for env in run.held_out()}
        named = ", ".join(f"{count} of {name}" for name, count in counts.items())
        yield f"  held out     {counted(sum(counts.values()), 'question')} ({run.config.holdout:.0%}): {named}"
    else:
        yield "  held out     no questions: the search uses all of them"
    if run.config.simulated:
        weight = f"a weight of {run.config.simulated_weight:.0%} together, for selection only"
        yield f"  simulated    {', '.join(run.config.simulated)} ({weight})"
    yield f"  generations  {_reached(cards)} of {run.config.generations} archived, {counted(len(cards), 'version')}"
    yield f"  failures     {', '.join(f'{kind}: {n}' for kind, n in _failures(cards).items()) or 'none'}"
    yield f"  spent        {_spent(run)}"
    yield f"  hypervolume  {population.hypervolume(cards, latency):.2f}{' (latency included)' if latency else ''}"
    for name, credit in sorted(population.credits(cards, latency=latency).items()):
        yield f"  {name:12} {counted(credit.proposals, 'version')} raised the hypervolume by {credit.gain:.2f} points"
    arms = sorted(population.credits(cards, by_arm, latency).items())
    if arms:
        yield "    by the way to choose parents, and by operator (a version may count under both or under none):"
    for name, arm in arms:
        yield f"    {name:10} {counted(arm.proposals, 'version')}, {arm.gain:.2f} points"
    yield from _islands(cards, run.config)
    speed = _speed(run)
    if speed is not None:
        yield f"  speed        {speed:,.0f} episodes a second"
    yield f"  screening    {_screening(run)}"


def _code(run: Run) -> Iterator[str]:
    """Yield a line on the code that `autotts resume` would run with all rights of the user; nothing here runs it."""
    from ..explorers.registry import code_named_by

    if found := code_named_by(run):
        yield f"  resume runs  {'; '.join(found)} (with all your rights)"


def _reached(cards: Sequence[Card]) -> int:
    """Return the last generation that is archived."""
    return max((card.generation for card in cards), default=0)


def _failures(cards: Sequence[Card]) -> dict[str, int]:
    """Return the number of versions that failed, by kind."""
    from ..records.card import SCREENED

    failed = sorted(card.verdict for card in cards if not card.ok and card.verdict != SCREENED)
    return dict(Counter(failed))


def _spent(run: Run) -> Spending:
    """Return what the calls of a run have cost."""
    from ..llm.budget import Spending
    from ..llm.calls import read_calls

    return sum((a.spending for call in read_calls(run.home / "calls") for a in call.attempts), Spending())


def _speed(run: Run) -> float | None:
    """Return the episodes a second of all evaluations; None before the first."""
    from ..records.events import CandidateEvaluated

    evaluated = [event for event in run.events_of(CandidateEvaluated) if event.episodes]
    seconds = max(sum(event.seconds for event in evaluated), 1e-9)
    return sum(event.episodes for event in evaluated) / seconds if evaluated else None


def _islands(cards: Sequence[Card], config: RunConfig) -> Iterator[str]:
    """Yield a line for each island: the number of its versions, and the best of them."""
    from autotts.envs.counting import counted

    from .. import population
    from ..population.islands import native
    from ..population.pareto import by_merit

    at = population.budgets(cards)
    for island in range(config.islands if config.islands > 1 else 0):
        born = [card for card in cards if native(card, config.islands) == island]
        good = by_merit([card for card in born if card.ok], at)
        best = f", best {good[0].id} {population.quality(good[0], at):.2f}" if good else ""
        yield f"  {f'island {island}':12} {counted(len(born), 'version')}{best}"


def _screening(run: Run) -> str:
    """Return the number of episodes that screening has saved, in words."""
    from autotts.envs.counting import counted

    from ..records.card import SCREENED
    from ..records.events import CandidateEvaluated

    if not run.config.screening:
        return "off"
    evaluated = {event.id: event for event in run.events_of(CandidateEvaluated)}.values()
    saved = [event.saved for event in evaluated if event.verdict == SCREENED]
    planned = sum(event.episodes + event.saved for event in evaluated)
    return f"{counted(len(saved), 'candidate')} given up early, {sum(saved):,} of {planned:,} episodes saved"


def _best(cards: Sequence[Card], ranked: Sequence[Card]) -> Iterator[str]:
    """Yield a heading and a line for each of the five best versions."""
    from .. import population
    from ..reports.console.display import LEGEND, belief, remarks

    if ranked:
        yield "  versions by shrunk quality in the search; simpler ones first where a lead may be noise;"
        yield f"  {LEGEND}:"
        yield f"  {'version':24} quality (shrunk ±error; constants+branches)  name"
    at = population.budgets(cards)
    for card in ranked[:_SHOWN]:
        yield f"  {card.id:24} {population.quality(card, at):6.2f}{belief(card, at)}  {card.name}{remarks(card)}"
