"""`lineage` and `status` of an archive with thousands of versions: they read the rows of its index, and few cards."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.counting import counted

if TYPE_CHECKING:
    from ..archive.archive import Archive
    from ..archive.index import ArchiveSnapshot
    from ..archive.run_report import Optimism, RunReport
    from ..records.card import Card

_ANCESTORS = 6
"""Ancestors of a version on the front that are drawn, by first parent."""
_RANKED = 5
OPTIMISM = "optimism: known after the final evaluation, as the archive is large"


def large_snapshot(archive: Archive) -> ArchiveSnapshot | None:
    """Return the rows of a large archive; None for any other, whose cards are read instead."""
    from ..archive.columns_file import LARGE
    from ..archive.index import ArchiveIndex
    from ..archive.layout import COLUMNS

    if isinstance(archive.root, Path):
        large = (archive.derived / COLUMNS).is_file()
    else:
        large = len(archive.storage.folders()) > LARGE
    return ArchiveIndex(archive.root).view() if large else None


def draw_lineage(archive: Archive, view: ArchiveSnapshot) -> None:
    """Draw the front, the best version, the hand-written versions, and the nearest ancestors of each."""
    from ..archive.best import label
    from ..archive.names import run_of
    from ..archive.run_report import describe_gap, describe_optimism, read_report
    from ..reports.console.display import curves, version_tree
    from ..reports.console.terminal import console

    run = run_of(archive)
    report, names = (read_report(run), run.given_names()) if run else (None, {})
    best = view.best(report, names)
    cards = list(_drawn(archive, view, best.id if best else ""))
    print(f"{len(view.rows):,} versions; drawn: the front, the best, generation 0, and up to {_ANCESTORS} ancestors")
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
    wanted = {row.id for row in view.rows if row.generation == 0}
    for version in [best, *(row.id for row in view.front)]:
        for _ in range(_ANCESTORS + 1):
            if version not in view.by_id:
                break
            wanted.add(version)
            version = next(iter(view.by_id[version].parents), "")
    for row in sorted((view.by_id[version] for version in wanted), key=lambda row: (row.generation, row.id)):
        yield archive.card(row.id)


def best_cards(archive: Archive, view: ArchiveSnapshot) -> Sequence[Card]:
    """Return the whole cards of the best versions, best first."""
    return [archive.card(row.id) for row in view.ranked[:_RANKED]]


def progress(view: ArchiveSnapshot, latency: bool, islands: int, generations: int) -> Iterator[str]:
    """Yield lines on the generations, the failures, the explorers and the islands."""
    from collections import Counter

    from .. import population
    from ..records.card import SCREENED

    reached = max((row.generation for row in view.rows), default=0)
    failed = Counter(row.verdict for row in view.rows if not row.ok and row.verdict != SCREENED)
    yield f"  generations  {reached} of {generations} archived, {counted(len(view.rows), 'version')}"
    yield f"  failures     {', '.join(f'{kind}: {n}' for kind, n in sorted(failed.items())) or 'none'}"
    yield f"  hypervolume  {population.hypervolume(view.rows, latency):.2f}{' (latency included)' if latency else ''}"
    for name, credit in sorted(view.credits.items()):
        yield f"  {name:12} {counted(credit.proposals, 'version')} raised the hypervolume by {credit.gain:.2f} points"
    for island in range(islands if islands > 1 else 0):
        born = [row for row in view.ranked if row.island and int(row.island) % islands == island]
        best = f", best {born[0].id} {view.quality[born[0].id]:.2f}" if born else ""
        yield f"  {f'island {island}':12} {counted(len(born), 'version')} that ran{best}"
