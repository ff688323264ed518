"""The report as one self-contained HTML page: no script, no network, and every name escaped."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

from autotts.envs.plain_text import listing, plain

from . import charts
from .ranks import AHEAD, LOST, TRANSFERRED
from .results import ReplayResults
from .select import ReplayEntry
from .tables import ReportTable, everything, protocol, summary

_HERE = Path(__file__).parent


def page(results: ReplayResults, entries: Sequence[ReplayEntry]) -> str:
    """Return ``report.html``."""
    css = Markup((_HERE / "report.css").read_text(encoding="utf-8"))
    template = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True).from_string(
        (_HERE / "report.html.j2").read_text(encoding="utf-8")
    )
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return template.render(
        css=css,
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
        summary=summary(results),
        protocol=protocol(results),
        sections=[
            (table, [(caption, Markup(svg)) for caption, svg in _pictures(results, table)])
            for table in everything(results)
        ],
        baselines={c.label for c in results.controllers if c.baseline},
        classes=_classes,
        cell=_cell,
        sources=[(plain(e.label), listing(e.source)) for e in entries if not e.baseline],
    )


def _pictures(results: ReplayResults, table: ReportTable) -> list[tuple[str, str]]:
    """Return (caption, SVG) for the charts above a table."""
    if table.about == "ranks":
        return [("Rank of each controller in the search and here", charts.ranks(results))]
    if table.about != "place":
        return []
    charts_above = [(f"Accuracy against tokens, {table.place}", charts.curves(results, table.place))]
    if table.place == results.overall:
        charts_above.append(("Tokens saved at equal accuracy, with 95% intervals", charts.savings(results)))
    return charts_above


def _classes(table: ReportTable, column: int, cell: str) -> str:
    if column == 1 and table.about == "questions":
        return "signs"
    return cell if table.about == "ranks" and cell in (TRANSFERRED, AHEAD, LOST) else ""


def _cell(text: str) -> Markup:
    """Return a cell whose interval stays on one line."""
    match = re.fullmatch(r"(.+) (\[[^\[\]]+\])", text)
    return Markup('{} <span class="interval">{}</span>').format(*match.groups()) if match else escape(text)
