"""Compares answers as text: white space, Unicode forms, case, quotes, emphasis and final punctuation do not count."""

from __future__ import annotations

import re

from .characters import plain
from .markup import bare

_PAIRS = (("**", "**"), ("__", "__"), ("*", "*"), ('"', '"'), ("'", "'"))
_FINAL = ".,;:!?"
_WORD = re.compile(r"[^\W\d_]{3}")
_SPACE = re.compile(r"(?<![A-Za-z0-9]) | (?![A-Za-z0-9])|(?<=\\pmod) ")
_BRACES = re.compile(r"\{ ?(\w) ?\}")
_OPERATOR = re.compile(r"[\\=+^_]")
_LONGEST_MARKUP = 2000


def fold(text: str) -> str:
    """Return the spelling that all equal texts share. Text without letters and digits keeps its punctuation."""
    return plain(_stripped(text).casefold())


def _stripped(text: str) -> str:
    """Return ``text`` in plain characters, without quotes, emphasis and final punctuation."""
    folded = plain(text)
    while True:
        before = folded
        if len(folded) > 1 and folded.rstrip(_FINAL).strip():
            folded = folded.rstrip(_FINAL).rstrip()
        for opening, closing in _PAIRS:
            inner = folded[len(opening) : -len(closing)]
            if folded.startswith(opening) and folded.endswith(closing) and inner.strip() and closing not in inner:
                folded = inner.strip()
        if folded == before:
            return folded


def quoted(text: str) -> str:
    """Return a short form of ``text`` between backquotes, for a message of one line."""
    line = " ".join(text.split())
    line = line if line.isprintable() else ascii(line)[1:-1]
    return f"`{line if len(line) <= 60 else line[:60] + '...'}`"


def fold_markup(text: str) -> str:
    """Return `fold` of the text without the fonts, boxes and white space of LaTeX, if it is not long.

    Case counts in what looks like a formula: ``P`` and ``p`` are different variables.
    """
    if len(text) > _LONGEST_MARKUP:
        return fold(text)
    text = bare(text)
    if "\\" not in text and _WORD.search(text):
        return fold(text)
    text = _BRACES.sub(r"\1", _SPACE.sub("", text))
    return _stripped(text) if _OPERATOR.search(text) else fold(text)
