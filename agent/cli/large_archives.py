"""`lineage` and `status` of an archive with thousands of versions: they read its overview, and few cards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.counting import counted

if TYPE_CHECKING:
    from ..archive.archive import Archive
    from ..archive.overview import ArchiveOverview
    from ..archive.run_report import Optimism, RunReport
    from ..archive.snapshot import ArchiveSnapshot
    from ..records.card import Card

_RANKED = 5
OPTIMISM = "optimism: known after the final evaluation, as the archive is large"


def large_snapshot(archive: Archive) -> ArchiveSnapshot | None:
    """Return the versions of a large archive; None for any other, whose cards are read instead."""
    from ..archive.columns_file import LARGE
    from ..archive.index import ArchiveIndex
    from ..archive.layout import COLUMNS, OVERVIEW

    if isinstance(archive.root, Path):
        large = (archive.derived / COLUMNS).is_file()
    else:
        rows = archive.storage.version_rows
        large = (archive.derived / OVERVIEW).is_file() or (rows is not None and rows.state()[0] > LARGE)
    return ArchiveIndex(archive.root).view() if large else None


def draw_lineage(archive: Archive, view: ArchiveSnapshot) -> None:
    """Draw the front, the best version, the hand-written versions, and the nearest ancestors of each."""
    from ..archive.best import label
    from ..archive.names import run_of
    from ..archive.overview import ANCESTORS
    from ..archive.run_report import describe_gap, describe_optimism, read_report
    from ..reports.console.display import curves, version_tree
    from ..reports.console.terminal import console

    run = run_of(archive)
    report, names = (read_report(run), run.given_names()) if run else (None, {})
    best = view.best(report, names)
    cards = list(_drawn(archive, view, best.id if best else ""))
    what = f"the front, the best, generation 0, and up to {ANCESTORS} ancestors"
    print(f"{view.overview.versions:,} versions; drawn: {what}")
    console().print(
        version_tree(cards, True, run is not None and run.config.latency, best.id if best else "", names),
        highlight=False,
    )
    for line in [*(describe_gap(report) if report else ()), *(describe_optimism(optimism_of(report)) or [OPTIMISM])]:
        print(line)
    if best is not None:
        print(f"best: {best}")
    shown = [card for card in cards if card.mean_curve and (card.generation == 0 or (best and card.id == best.id))]
    if shown:
        print("\nscaling curve, mean of the search environments")
        lines = {label(c.id, names.get(c.id, "")): [(p.tokens, p.accuracy) for p in c.mean_curve] for c in shown}
        print(curves(lines, min(110, shutil.get_terminal_size((100, 24)).columns)))


def optimism_of(report: RunReport | None) -> Optimism | None:
    """Return the optimism that the final evaluation has estimated; None before it."""
    return report.optimism if report else None


def _drawn(archive: Archive, view: ArchiveSnapshot, best: str) -> Iterator[Card]:
    """Yield the whole cards of the versions that are drawn, by generation and id."""
    from ..archive.overview import ancestors

    known = view.overview.by_id
    if best and best not in known:  # the final evaluation may choose a version that the search did not rank high
        known = view.by_id
    wanted = {row.id: row for row in view.overview.rows if row.generation == 0}
    for version in [best, *view.overview.front]:
        wanted |= {row.id: row for row in ancestors(version, known)}
    for row in sorted(wanted.values(), key=lambda row: (row.generation, row.id)):
        yield archive.card(row.id)


def best_cards(archive: Archive, brief: ArchiveOverview) -> Sequence[Card]:
    """Return the whole cards of the best versions, best first."""
    return [archive.card(version) for version in brief.leading[:_RANKED]]


def progress(brief: ArchiveOverview, latency: bool, islands: int, generations: int) -> Iterator[str]:
    """Yield lines on the generations, the failures, the explorers and the islands."""
    yield f"  generations  {brief.reached} of {generations} archived, {counted(brief.versions, 'version')}"
    yield f"  failures     {', '.join(f'{kind}: {n}' for kind, n in brief.failures.items()) or 'none'}"
    yield f"  hypervolume  {brief.hypervolume[latency]:.2f}{' (latency included)' if latency else ''}"
    for name, credit in sorted(brief.credits.items()):
        yield f"  {name:12} {counted(credit.proposals, 'version')} raised the hypervolume by {credit.gain:.2f} points"
    for island in range(islands if islands > 1 else 0):
        born, first = brief.best_of_island(island, islands)
        best = f", best {first} {brief.quality[first]:.2f}" if first else ""
        yield f"  {f'island {island}':12} {counted(born, 'version')} that ran{best}"
