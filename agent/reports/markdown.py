"""Pieces of Markdown that show untrusted names, sentences and sources literally."""

from __future__ import annotations

import re
from collections.abc import Sequence


def escaped(text: str) -> str:
    """Return ``text`` with escapes, so that Markdown shows it literally.

    Arrows and amounts stay readable in the source: ``>`` has a meaning only at the beginning of a line or after ``<``,
    which is escaped, and ``$`` before a digit cannot end a formula.
    """
    text = re.sub(r"^(\s*)>", r"\1&gt;", text.replace("&", "&amp;").replace("<", "&lt;"), flags=re.MULTILINE)
    return re.sub(r"[\\`*|]|\$(?!\d)|(?<=\])\(|(?<=:)//", r"\\\g<0>", text)


def table(columns: Sequence[str], rows: Sequence[Sequence[str]], words: int = 1) -> list[str]:
    """Return a table, line by line: the first ``words`` columns hold words, the others figures."""
    rule = ["---" if i < words else "---:" for i in range(len(columns))]
    lines = ["| " + " | ".join(map(escaped, row)) + " |" for row in [columns, *rows]]
    return [lines[0], "| " + " | ".join(rule) + " |", *lines[1:]]


def code(source: str, language: str = "python") -> list[str]:
    """Return a block of code, in a fence that does not occur in the code."""
    longest = max((len(run) for run in re.findall(r"`{3,}", source)), default=2)
    fence = "`" * (longest + 1)
    return [fence + language, source.rstrip("\n"), fence]
