"""The page Lineage: all versions with parents and scores, as columns because there may be thousands."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from ..answers import PROBLEMS, Answer, At, best_of

router = APIRouter(prefix="/api", tags=["lineage"], responses=PROBLEMS)

_MOST_MATCHES = 30
"""Largest number of versions that a search returns."""


class LineageAnswer(Answer):
    """Columns with one entry per version, ordered by generation and id."""

    title: str
    stamp: int
    ids: tuple[str, ...]
    names: tuple[str, ...]
    generations: tuple[int, ...]
    qualities: tuple[float | None, ...]
    """None for a version without scores."""
    parents: tuple[tuple[int, ...], ...]
    """Positions of the parents in the columns; parents outside the archive are left out."""
    explorers: tuple[int, ...]
    """Position in ``explorer_names``."""
    islands: tuple[int, ...]
    verdicts: tuple[int, ...]
    explorer_names: tuple[str, ...]
    island_names: tuple[str, ...]
    """Empty where there are no islands."""
    verdict_names: tuple[str, ...]
    front: tuple[int, ...]
    """Positions of the versions on the Pareto front."""
    best: int | None
    """Position of the best version (`agent.archive.best`)."""
    lost_parents: int
    """Parents that are not in the archive."""
    problems: dict[str, str]


class FoundVersionAnswer(Answer):
    """One search result."""

    id: str
    name: str
    generation: int
    verdict: str
    quality: float | None


@router.get("/lineage")
def lineage(reader: At) -> LineageAnswer:
    """The lineage of all versions."""
    view, best = reader.view(), best_of(reader)
    at = {row.id: i for i, row in enumerate(view.rows)}
    explorers, explorer_names = _coded([row.explorer for row in view.rows])
    islands, island_names = _coded([row.island for row in view.rows])
    verdicts, verdict_names = _coded([row.verdict for row in view.rows])
    return LineageAnswer(
        title=reader.title,
        stamp=view.stamp,
        ids=tuple(row.id for row in view.rows),
        names=tuple(row.name for row in view.rows),
        generations=tuple(row.generation for row in view.rows),
        qualities=tuple(view.quality.get(row.id) for row in view.rows),
        parents=tuple(tuple(at[p] for p in row.parents if p in at) for row in view.rows),
        explorers=explorers,
        islands=islands,
        verdicts=verdicts,
        explorer_names=explorer_names,
        island_names=() if island_names == ("",) else island_names,
        verdict_names=verdict_names,
        front=tuple(at[row.id] for row in view.front),
        best=at.get(best.id) if best else None,
        lost_parents=sum(p not in at for row in view.rows for p in row.parents),
        problems=dict(view.problems),
    )


def _coded(words: list[str]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    names: dict[str, int] = {}
    codes = tuple(names.setdefault(word, len(names)) for word in words)
    return codes, tuple(names)


@router.get("/versions")
def versions(reader: At, q: Annotated[str, Query(max_length=100)] = "") -> list[FoundVersionAnswer]:
    """The versions whose id or name contains ``q``: best first, versions without scores last."""
    view, wanted = reader.view(), q.strip().casefold()
    ordered = [*view.ranked, *(row for row in view.rows if not row.ok)]
    hits = (row for row in ordered if wanted in row.id.casefold() or wanted in row.name.casefold())
    return [
        FoundVersionAnswer(
            id=row.id, name=row.name, generation=row.generation, verdict=row.verdict, quality=view.quality.get(row.id)
        )
        for row, _ in zip(hits, range(_MOST_MATCHES), strict=False)
    ]  # fmt: skip
