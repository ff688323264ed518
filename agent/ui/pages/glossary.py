"""The glossary of every page: the tables of docs/words.md, which the wheel holds too."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from fastapi import APIRouter

from ..answers import PROBLEMS, Answer

router = APIRouter(prefix="/api", tags=["glossary"], responses=PROBLEMS)

WORDS = Path(__file__).parents[3] / "docs" / "words.md"
_END = "\n## Names that changed"
"""The tables below this heading map names of version 0.1."""
_ROW = re.compile(r"^\| ([^|`]+?) \| (.+?) \|$", re.MULTILINE)
_REFERENCE = re.compile(r" \(\[[^\]]+\]\([^)]+\)\)")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")


class WordAnswer(Answer):
    """A row of the tables: words that share a definition."""

    words: tuple[str, ...]
    means: str
    """The definition as plain text."""


@router.get("/glossary")
def glossary() -> tuple[WordAnswer, ...]:
    """The words of the documentation, with their definitions."""
    return read_glossary(WORDS)


@cache
def read_glossary(path: Path) -> tuple[WordAnswer, ...]:
    """Return the words that the page at ``path`` defines; none if there is no such page."""
    text = path.read_text(encoding="utf-8").partition(_END)[0] if path.is_file() else ""
    rows = [(words, meaning) for words, meaning in _ROW.findall(text) if (words, meaning) != ("word", "meaning")]
    return tuple(WordAnswer(words=tuple(words.split(", ")), means=_plain(meaning)) for words, meaning in rows)


def _plain(text: str) -> str:
    """Return Markdown as plain text, without references in brackets."""
    return _LINK.sub(r"\1", _REFERENCE.sub("", text)).replace("`", "").replace("*", "")
