"""Scaling curves: accuracy against tokens, with 95% intervals, one panel per environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from autotts.envs.errors import InputError
from autotts.envs.statistics import MEAN, Point

from .picture import MARKERS, row, save, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BANDS = 4
"""With up to this many curves, intervals are bands; with more, they are bars."""
_COLUMNS = 2
_MOST_PANELS = 24


@dataclass(frozen=True, slots=True)
class CurveLine:
    """The curve of one controller."""

    name: str
    written: bool
    """Whether the controller was written by hand."""
    points: tuple[Point, ...]


def draw_curves(lines: Sequence[CurveLine], path: Path, mean: bool = True, title: str = "") -> None:
    """Draw the scaling curves of ``lines`` to ``path``.

    Args:
        lines: the curves.
        path: file to write.
        mean: draw only the mean over environments, if every curve has it.
        title: title of the picture.

    Raises:
        InputError: there is nothing to draw, or there are too many environments.
    """
    panels = _panels(lines, mean)
    if not panels or len(panels) > _MOST_PANELS:
        raise InputError(f"{len(panels)} environments to draw, but a picture has room for 1 to {_MOST_PANELS}")
    columns = min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)

    def draw(figure: Figure) -> None:
        axes = [*figure.subplots(rows, columns, squeeze=False).flat]
        for axis, (environment, shown) in zip(axes, panels.items(), strict=False):
            _panel(axis, shown)
            axis.set_title(short(environment, 60))
        for axis in axes[len(panels) :]:
            axis.set_axis_off()
        figure.suptitle(short(title, 120), fontsize=9)
        found = {name: line for axis in axes for line, name in zip(*axis.get_legend_handles_labels(), strict=True)}
        figure.legend([*found.values()], [*found], loc="outside right upper", frameon=False)  # beside the data

    save(path, (2.5 + 7.0 * columns, 4.6 * rows), draw)


def _panels(lines: Sequence[CurveLine], mean: bool) -> dict[str, list[tuple[int, CurveLine, list[Point]]]]:
    """Return, for each environment, its curves with their positions in ``lines`` and their points by tokens."""
    panels: dict[str, list[tuple[int, CurveLine, list[Point]]]] = {}
    for i, line in enumerate(lines):
        for environment in dict.fromkeys(point.environment for point in line.points):
            points = [point for point in line.points if point.environment == environment]
            curves = panels.setdefault(environment, [])
            curves.append((i, line, sorted(points, key=lambda point: point.mean_tokens)))
    common = panels.pop(MEAN, [])
    return {MEAN: common} if common and (not panels or (mean and len(common) == len(lines))) else panels


def _panel(axis: Axes, shown: Sequence[tuple[int, CurveLine, list[Point]]]) -> None:
    paint = row("series")
    for i, line, points in shown:
        x, colour = [max(1.0, point.mean_tokens) for point in points], paint[i % len(paint)]
        axis.plot(
            x, [point.accuracy_pct for point in points], color=colour, marker=MARKERS[i % len(MARKERS)], markersize=3.5,
            linewidth=1.2 if line.written else 1.8, linestyle="--" if line.written else "-", label=short(line.name),
        )  # fmt: skip
        low, high = zip(*(point.accuracy_ci for point in points), strict=True)
        if len(shown) <= _BANDS:
            axis.fill_between(x, low, high, alpha=0.12, color=colour, linewidth=0)
        else:
            axis.vlines(x, low, high, alpha=0.3, color=colour, linewidth=0.8)
    frame(axis, [points for _, _, points in shown], intervals=True)


def frame(axis: Axes, curves: Sequence[Sequence[Point]], intervals: bool = False) -> None:
    """Label the axes, and show points from a hundredth of the largest tokens on; cheaper points would fill the picture.

    Args:
        axis: the axes of the picture.
        curves: the points of each curve.
        intervals: whether the picture must contain the whole intervals of accuracy.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axis.set(xscale="log", xlabel="mean tokens of a question", ylabel="accuracy, %")
    axis.xaxis.set_major_locator(LogLocator(10, (1.0, 2.0, 5.0)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda tokens, _: f"{tokens:,.0f}"))
    every = [point for points in curves for point in points]
    most = max((point.mean_tokens for point in every), default=1.0)
    inside = [point for point in every if point.mean_tokens >= most / 100]
    left = max(1.0, min((point.mean_tokens for point in inside), default=1.0) / 1.15)
    axis.set_xlim(left, max(left, most) * 1.15)
    heights = [y for p in inside for y in (p.accuracy_pct, *(p.accuracy_ci if intervals else ()))]
    axis.set_ylim(min(heights, default=0.0) - 3, max(heights, default=100.0) + 3)
