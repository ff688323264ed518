"""The report as Markdown."""

from __future__ import annotations

from ..markdown import escaped, table
from .results import ReplayResults
from .tables import everything, protocol, summary


def page(results: ReplayResults) -> str:
    """Return ``report.md``."""
    parts = ["# Replay", *(f"- {escaped(line)}" for line in summary(results)), "", escaped(protocol(results))]
    for each in everything(results):
        shown = table(each.columns, each.rows, each.words)
        parts += ["", f"## {escaped(each.title)}", "", escaped(each.note), "", *shown]
    return "\n".join(parts) + "\n"
