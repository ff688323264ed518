"""Charts of the replay report: SVG that inherits text colour from the page, and is identical on every machine."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from autotts.envs.errors import InputError
from autotts.envs.extras import install_command
from autotts.envs.plain_text import plain

from ..plots.curves import frame
from .results import ReplayResults

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALETTE = ("#3b82d6", "#d1701f", "#2f9e74", "#c25ca0", "#a8851a", "#7a6ff0", "#e0565b", "#2c9bb0")
"""Colours of versions, distinguishable on white and on black."""
GREY = "#8a8f98"
MARKERS = "so^vDP"
"""Markers of baselines, which are all grey."""
_INK = "#010203"
"""Placeholder for the page's text colour."""
_SVG, _LINK = "http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"


def available() -> None:
    """Raise `InputError` if the extra `report` is missing, before hours of work go into a report."""
    try:
        import jinja2  # noqa: F401
        import matplotlib  # noqa: F401
    except ImportError:
        raise InputError(f"report.html needs matplotlib and jinja2: {install_command('report')}") from None


def curves(results: ReplayResults, place: str) -> str:
    """Draw accuracy against tokens: the first versions by rank, the baselines, and the reference's accuracy."""
    shown = {}
    for label, colour, marker in _shown(results):
        points = [row.point for row in results.rows if row.controller == label and row.point.environment == place]
        if points:
            shown[label] = colour, marker, sorted(points, key=lambda point: point.mean_tokens)

    def draw(axis: Axes) -> None:
        for i, (colour, marker, points) in enumerate(shown.values()):
            x, baseline = [point.mean_tokens for point in points], colour == GREY
            axis.plot(
                x, [point.accuracy_pct for point in points], color=colour, marker=marker, markersize=3.5,
                linewidth=1 if baseline else 1.8, linestyle="--" if baseline else "-",
            )  # fmt: skip
            if i == 0:
                low, high = zip(*(point.accuracy_ci for point in points), strict=True)
                axis.fill_between(x, low, high, alpha=0.1, color=colour, linewidth=0)
        lines = axis.get_lines()
        for point in results.reference:
            if point.environment == place:
                axis.axhline(point.accuracy_pct, color=_INK, linewidth=0.8, linestyle=":")
        frame(axis, [points for _, _, points in shown.values()])
        axis.legend(
            lines, [_name(label) for label in shown], loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False,
            borderaxespad=0,
        )  # fmt: skip

    return _picture(f"curves {place}", draw, 4.4)


def savings(results: ReplayResults) -> str:
    """Draw tokens saved at equal accuracy, with intervals, over all environments."""
    equal = {e.controller: e.equal for e in results.equal if e.environment == results.overall}
    rows = [
        (label, colour, equal[label].saved_pct or 0.0, equal[label].saved_ci)
        for label, colour, _ in reversed(_shown(results))
        if label in equal and equal[label].saved_pct is not None
    ]

    def draw(axis: Axes) -> None:
        left = min([0.0, *(saved for _, _, saved, _ in rows)]) - 10
        for y, (_, colour, saved, (low, high)) in enumerate(rows):
            ends = [left if low is None else max(left, low), 100.0 if high is None else high]
            axis.plot(ends, [y, y], color=colour, linewidth=2)
            axis.plot([saved], [y], color=colour, marker="o", markersize=6)
        axis.set_yticks(range(len(rows)), [_name(label) for label, _, _, _ in rows])
        axis.set(xlabel="tokens saved at equal accuracy, %", xlim=(left, 100))
        axis.axvline(0, color=_INK, linewidth=0.7)

    return _picture("savings", draw, 1.0 + 0.28 * len(rows))


def ranks(results: ReplayResults) -> str:
    """Draw each controller's rank in the search beside its rank here."""
    rows = results.ranking.ranks if results.ranking else ()
    both = [(rank.controller, rank.searched_rank, rank.rank) for rank in rows if rank.searched_rank is not None]
    colours = {label: colour for label, colour, _ in _shown(results)}

    def draw(axis: Axes) -> None:
        for label, before, after in both:
            colour = colours.get(label, GREY)
            axis.plot([0, 1], [before, after], color=colour, marker="o", markersize=4, linewidth=1.2)
            axis.annotate(_name(label), (0, before), (-6, 0), textcoords="offset points", ha="right", va="center")
            axis.annotate(_name(label), (1, after), (6, 0), textcoords="offset points", ha="left", va="center")
        axis.set_xticks([0, 1], ["rank in the search", "rank here"])
        axis.set(xlim=(-0.9, 1.9))
        axis.invert_yaxis()
        axis.set_yticks([])
        axis.spines[["left", "bottom"]].set_visible(False)
        axis.grid(False)

    return _picture("ranks", draw, 1.0 + 0.24 * len(both))


def _shown(results: ReplayResults) -> list[tuple[str, str, str]]:
    """Return (label, colour, marker) of the controllers that charts show: the best versions, and the baselines."""
    order = {rank.controller: i for i, rank in enumerate(results.ranking.ranks)} if results.ranking else {}
    labels = sorted((c.label for c in results.controllers if not c.baseline), key=lambda c: order.get(c, len(order)))
    baselines = [c.label for c in results.controllers if c.baseline]
    return [
        *((label, colour, "o") for label, colour in zip(labels, PALETTE, strict=False)),
        *((label, GREY, MARKERS[i % len(MARKERS)]) for i, label in enumerate(baselines)),
    ]


def _name(label: str) -> str:
    text = plain(label)
    return text if len(text) <= 32 else text[:31] + "…"


def _picture(name: str, draw: Callable[[Axes], None], height: float) -> str:
    """Return the SVG of what ``draw`` draws; ``name`` makes its ids differ from those of other charts."""
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ours: Any = {
        "svg.hashsalt": name, "svg.fonttype": "none", "text.parse_math": False, "font.size": 9.0,
        "legend.fontsize": 9.0, "text.color": _INK, "axes.labelcolor": _INK, "axes.edgecolor": _INK,
        "xtick.color": _INK, "ytick.color": _INK, "axes.spines.top": False, "axes.spines.right": False,
        "axes.grid": True, "grid.alpha": 0.3, "grid.color": GREY,
    }  # fmt: skip
    with style.context(["default", ours]):  # ignores the style that the user has configured
        figure = Figure(figsize=(8.4, height), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(buffer.getvalue())


def _inline(svg: str) -> str:
    """Return the SVG for a page whose policy allows no inline styles: with attributes, and without unused ids."""
    root = ElementTree.fromstring(svg[svg.index("<svg") :])
    used = {value[1:] for e in root.iter() if (value := e.get(f"{{{_LINK}}}href", "")).startswith("#")}
    for element in root.iter():
        for declaration in filter(None, element.attrib.pop("style", "").split(";")):
            key, value = (part.strip() for part in declaration.split(":", 1))
            if key == "font":
                key, value = "font-size", value.split()[0]
            element.set(key, value.replace(_INK, "currentColor"))
        if element.get("id") not in used and element.tag != f"{{{_SVG}}}clipPath":
            element.attrib.pop("id", None)
        for child in [c for c in element if c.tag in (f"{{{_SVG}}}style", f"{{{_SVG}}}metadata")]:
            element.remove(child)
    for key in ("width", "height"):
        root.attrib.pop(key)
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    return ElementTree.tostring(root, encoding="unicode")
