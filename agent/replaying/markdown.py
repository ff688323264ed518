"""The report as Markdown."""

from __future__ import annotations

import re

from .figures import Results
from .tables import Table, everything, protocol, summary


def page(results: Results) -> str:
    """Return ``report.md``."""
    parts = ["# Replay", *(f"- {_escaped(line)}" for line in summary(results)), "", _escaped(protocol(results))]
    for table in everything(results):
        parts += ["", f"## {_escaped(table.title)}", "", _escaped(table.note), "", *_table(table)]
    return "\n".join(parts) + "\n"


def _table(table: Table) -> list[str]:
    rule = ["---" if i < table.words else "---:" for i in range(len(table.columns))]
    rows = [table.columns, *table.rows]
    lines = ["| " + " | ".join(map(_escaped, row)) + " |" for row in rows]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]


def _escaped(text: str) -> str:
    """Return ``text`` so that Markdown shows it as it is: names are anybody's."""
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"[\\`*|$]|(?<=\])\(|(?<=:)//", r"\\\g<0>", text)
