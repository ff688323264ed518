"""The lineage: versions by generation and score, their parents, and the path from the best version to its root."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from ... import population
from ...archive.best import BestVersion
from ...archive.snapshot import ArchiveSnapshot
from ...records.index_row import IndexRow
from .picture import MARKERS, colours, row, save, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

By = Literal["explorer", "verdict", "island"]
_GROUPS = 8
_NAMED = 12
"""Versions on the path to the root that are labelled, from the best on."""
_MANY = 1000
"""From this many versions on, a vector picture holds dots and edges as pixels, because viewers draw so many slowly."""


@dataclass(frozen=True)
class LineageLayout:
    """The positions of the versions, in the order of ``rows``."""

    rows: Sequence[IndexRow]
    x: npt.NDArray[np.float64]
    """(V,) generation; the versions of one generation lie side by side."""
    y: npt.NDArray[np.float64]
    """(V,) score in per cent; versions without a score lie below all others."""
    edges: list[tuple[int, int]]
    """(parent, child), for parents that are in the archive."""
    way: list[int]
    """Indices from the best version to its root, along first parents."""


def lay_out_lineage(
    view: ArchiveSnapshot, tokens: float | None = None, chosen: BestVersion | None = None
) -> LineageLayout:
    """Return the positions of the versions of ``view``.

    Args:
        view: the versions.
        tokens: score by the accuracy within this many tokens per question, instead of by quality.
        chosen: the best version (`agent.archive.best`); None for the best on the search set.
    """
    rows = list(view.rows)
    at = {row.id: i for i, row in enumerate(rows)}
    scores = [_score(row, view, tokens) for row in rows]
    floor = min((score for score in scores if score is not None), default=0.0) - 2
    edges = [(at[p], i) for i, row in enumerate(rows) for p in dict.fromkeys(row.parents) if p in at]
    chosen = chosen or view.best()
    best = view.by_id.get(chosen.id) if chosen else None
    if tokens is not None:
        scored = [(score, -i) for i, score in enumerate(scores) if score is not None and rows[i].generation > 0]
        best = rows[-max(scored)[1]] if scored else best
    x = [g + 0.6 * _fraction(n) for g, group in groupby(row.generation for row in rows) for n, _ in enumerate(group)]
    return LineageLayout(
        rows, np.array(x, float), np.array([floor if score is None else score for score in scores], float), edges,
        _way(rows, at, best),
    )  # fmt: skip


def _score(row: IndexRow, view: ArchiveSnapshot, tokens: float | None) -> float | None:
    if not row.ok or tokens is None:
        return view.quality.get(row.id)
    return float(population.attained(row.mean_curve, np.array([float(tokens)]))[0])


def _fraction(n: int) -> float:
    """Return the n-th number, from 0, of the van der Corput sequence, which fills (-0.5, 0.5) evenly at any length."""
    value, part, left = -0.5, 0.5, n + 1
    while left:
        value, part, left = value + (left & 1) * part, part / 2, left >> 1
    return value


def _way(rows: Sequence[IndexRow], at: dict[str, int], best: IndexRow | None) -> list[int]:
    way: list[int] = []
    here = at[best.id] if best else None
    while here is not None and here not in way:
        way.append(here)
        here = next((at[p] for p in rows[here].parents[:1] if p in at), None)
    return way


def draw_lineage(
    view: ArchiveSnapshot, path: Path, by: By = "explorer", tokens: float | None = None, title: str = "",
    chosen: BestVersion | None = None,
) -> None:  # fmt: skip
    """Draw the lineage to ``path``.

    Args:
        view: the versions; at least one.
        path: file to write.
        by: what the colours show.
        tokens: see `lay_out_lineage`.
        title: title of the picture.
        chosen: see `lay_out_lineage`.
    """
    shape = lay_out_lineage(view, tokens, chosen)

    def draw(figure: Figure) -> None:
        from matplotlib.collections import LineCollection
        from matplotlib.ticker import MaxNLocator

        axis, many = figure.add_subplot(), len(shape.rows) > _MANY
        spots = np.stack([shape.x, shape.y], axis=1)
        lines = LineCollection(
            [spots[list(edge)] for edge in shape.edges], colors=colours()["absent"], linewidths=0.7,
            alpha=0.15 if many else 0.45, rasterized=many, zorder=1,
        )  # fmt: skip
        axis.add_collection(lines)
        for (name, members), paint, marker in zip(_groups(shape.rows, by), row("series"), MARKERS, strict=False):
            axis.scatter(
                shape.x[members], shape.y[members], s=6 if many else 26, color=paint, marker=marker, linewidths=0,
                label=f"{short(name, 30)} ({len(members)})", rasterized=many, zorder=2,
            )  # fmt: skip
        marked = colours()["wrong"]
        if shape.way:
            x, y = shape.x[shape.way], shape.y[shape.way]
            axis.plot(x, y, color=marked, linewidth=2.5, zorder=1.5, label="from the best to its root")
            axis.scatter(x, y, s=80, facecolors="none", edgecolors=marked, linewidths=1.8, zorder=3)
        for i in _named(shape):
            name = short(shape.rows[i].id, 24)
            axis.annotate(name, spots[i], (0, 8), textcoords="offset points", ha="center", zorder=4)
        axis.margins(0.06)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        score = "quality" if tokens is None else f"accuracy within {tokens:,.0f} tokens"
        axis.set(xlabel="generation", ylabel=f"{score}, %", title=short(title, 90))
        _mark_unscored(axis, shape)
        axis.legend(loc="upper left", bbox_to_anchor=(1.04, 1.0), frameon=False, borderaxespad=0)

    save(path, (10.0, 5.5), draw)


def _mark_unscored(axis: Axes, shape: LineageLayout) -> None:
    """Set the row of versions without a score apart from the scale: a line above it, and words instead of figures."""
    from matplotlib.ticker import FuncFormatter

    unscored = [y for y, row in zip(shape.y.tolist(), shape.rows, strict=True) if not row.ok]
    if not unscored:
        return
    edge = unscored[0] + 1
    axis.axhline(edge, color=colours()["absent"], linewidth=0.8, linestyle=":")
    axis.text(0.01, edge - 0.1, "no score", transform=axis.get_yaxis_transform(), va="top", fontsize=8)
    axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:g}" if y >= edge else ""))


def _named(shape: LineageLayout) -> list[int]:
    """Return the versions on the path whose labels do not overlap, from the best on."""
    width, height = (max(1e-9, float(np.ptp(of))) for of in (shape.x, shape.y))
    named: list[int] = []
    for i in shape.way:
        if all(
            abs(shape.x[i] - shape.x[k]) > 0.14 * width or abs(shape.y[i] - shape.y[k]) > 0.04 * height for k in named
        ):
            named.append(i)
    return named[:_NAMED]


def _groups(rows: Sequence[IndexRow], by: By) -> list[tuple[str, list[int]]]:
    """Return the versions by colour group, the largest group first, and the smallest groups as one."""
    of = [getattr(row, by) or "none" for row in rows]
    order = [name for name, _ in Counter(of).most_common()]
    own = order if len(order) <= _GROUPS else order[: _GROUPS - 1]
    groups = [(name, [i for i, each in enumerate(of) if each == name]) for name in own]
    rest = [i for i, each in enumerate(of) if each not in own]
    return [*groups, (f"{len(order) - len(own)} others", rest)] if rest else groups
