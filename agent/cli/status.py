"""`autotts status`: how far a run is, how good, and what it has cost."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from .. import population
from ..archive import resolve
from ..archive.run_directory import Run, RunConfig
from ..archive.run_report import describe_optimism, read_report
from ..llm.budget import Spending
from ..llm.calls import read_calls
from ..population.credit import by_arm
from ..population.islands import native
from ..population.overfitting.beliefs import optimism
from ..population.pareto import by_merit
from ..records.card import SCREENED, Card
from ..reports.console.display import LEGEND, belief, console, curve_table, more


def status(args: argparse.Namespace) -> int:
    """Say how far a run is."""
    run = resolve.chosen_run(args.home)
    cards = run.archive.believed()
    done = max((card.generation for card in cards), default=-1)
    at, latency = population.budgets(cards), run.config.latency
    finished = read_report(run) is not None
    print(f"run {run.home}: {'finished' if finished else 'not finished'}, explorer {run.config.explorer}")
    print(f"  search set   {', '.join(run.config.environments)}")
    if run.config.simulated:
        weight = f"a weight of {run.config.simulated_weight:.0%} together, in choices alone"
        print(f"  simulated    {', '.join(run.config.simulated)} ({weight})")
    print(f"  generations  {max(0, done)} of {run.config.generations} archived, {len(cards)} versions")
    failed: dict[str, int] = {}
    for card in cards:
        if not card.ok and card.verdict != SCREENED:
            failed[card.verdict] = failed.get(card.verdict, 0) + 1
    print(f"  failures     {', '.join(f'{kind}: {n}' for kind, n in sorted(failed.items())) or 'none'}")
    spent = sum((a.spending for call in read_calls(run.home / "calls") for a in call.attempts), Spending())
    print(f"  spent        {spent}")
    print(f"  hypervolume  {population.hypervolume(cards, latency):.2f}{' (latency included)' if latency else ''}")
    for name, credit in sorted(population.credits(cards, latency=latency).items()):
        print(f"  {name:12} {credit.proposals} versions raised it by {credit.gain:.2f} points")
    for name, arm in sorted(population.credits(cards, by_arm, latency).items()):
        print(f"    {name:10} {arm.proposals} versions, {arm.gain:.2f} points")
    for line in _islands(cards, run.config):
        print(line)
    tried = [event for event in run.events() if event["event"] == "candidate" and event.get("episodes")]
    if tried:
        seconds = sum(event.get("seconds", 0) for event in tried)
        print(f"  speed        {sum(event['episodes'] for event in tried) / max(seconds, 1e-9):,.0f} episodes a second")
    print(f"  screening    {_screening(run)}")
    for line in describe_optimism(optimism(cards, run.archive.figures)):
        print(f"  {line}")
    ranked = population.ranked(cards)
    if ranked:
        print(f"  ranked by what is believed of them, the simpler first where a lead may be noise;\n  {LEGEND}:")
    for card in ranked[:5]:
        print(f"  {card.id:24} {population.quality(card, at):6.2f}{belief(card, at)}  {card.name}{more(card)}")
    for card in [card for card in ranked if card.generation > 0][:1]:
        console().print(curve_table([(card.id, point) for point in run.archive.card(card.id).mean_points]))
    if not finished:
        print(f"go on with `autotts resume {run.home}`")
    return 0


def _islands(cards: Sequence[Card], config: RunConfig) -> Iterator[str]:
    """Yield a line for each island: its versions, and which of those that were born there ranks first."""
    at = population.budgets(cards)
    for island in range(config.islands if config.islands > 1 else 0):
        born = [card for card in cards if native(card, config.islands) == island]
        good = by_merit([card for card in born if card.ok], at)
        first = f", first {good[0].id} {population.quality(good[0], at):.2f}" if good else ""
        yield f"  {f'island {island}':12} {len(born)} versions{first}"


def _screening(run: Run) -> str:
    """Return what screening has spared."""
    if not run.config.screening:
        return "off"
    tried = {event.get("id"): event for event in run.events() if event["event"] == "candidate"}.values()
    saved = [event.get("saved", 0) for event in tried if event.get("verdict") == SCREENED]
    asked = sum(event.get("episodes", 0) + event.get("saved", 0) for event in tried)
    return f"{len(saved)} candidates given up early, {sum(saved):,} of {asked:,} episodes saved"
