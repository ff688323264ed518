"""Compares answers as options of a multiple choice: ``B``, ``(b)``, ``\\text{(B)}``, ``Option B``, ``B) 42``."""

from __future__ import annotations

import re
from functools import lru_cache

from .markup import bare

LONGEST = 2000
"""Longer answers are compared as text."""
_LETTER = r"(?:[A-Za-z]|[1-9])"
_BARE = re.compile(rf"[(\[{{<]*\s*({_LETTER})\s*[)\]}}>]*\s*[.:,;)]*")
_NAMED = re.compile(
    rf"(?:final |correct |best )?(?:option|choice|answer)\s*:?\s*[(\[]?({_LETTER})[)\]]?(?:[.:,;)-].*)?", re.I
)
_CONTENT = re.compile(r"(?:[(\[]\s*([A-Ja-j1-9])\s*[)\]]|([A-Ja-j1-9])\s*[):]|([A-Ja-j1-9])\.(?=\s))\s*\S.*", re.S)
_MARKED = re.compile(
    r"\b(?:answer|option|choice)\s*(?:is\s*:?|:)\s*(?:most likely |probably |clearly )?(?:option |choice )?"
    r"(?:[(\[]\s*([A-Ja-j1-9])\s*[)\]]|([A-Ja-j1-9])(?=\s*(?:[.,;:!)]\s*(?:\s\S|$)|$)|\s+(?:because|since|as)\b))",
    re.I,
)
_CORRECT = re.compile(
    r"[(\[]?([A-J])[)\]]?\s+is\s+(?:the\s+)?(?:correct|right|best|true)\b(?!\s+(?:if|only|when)).*", re.I
)
_LIST = re.compile(r"[(\[]?[A-Ja-j1-9][)\]]?(?:\s*(?:,|&|\band\b|, and\b)\s*[(\[]?[A-Ja-j1-9][)\]]?)+\.?")
_RUN = re.compile(r"[A-J]{2,6}")


@lru_cache(1 << 16)
def read_choice(text: str) -> tuple[str, ...] | None:
    """Return the options that ``text`` chooses, as sorted capital letters (or digits), or None if it chooses none."""
    if len(text) > LONGEST:
        return None
    line = bare(text)
    for pattern in (_BARE, _NAMED):
        if match := pattern.fullmatch(line):
            return (match[1].upper(),)
    if _LIST.fullmatch(line):
        return tuple(sorted(set(re.findall(r"\b[A-J1-9]\b", line.upper().replace("AND", ",")))))
    if _RUN.fullmatch(line) and list(line) == sorted(set(line)):
        return tuple(line)
    if (match := _CONTENT.fullmatch(line)) or (match := _CORRECT.fullmatch(line)):
        return (next(group for group in match.groups() if group).upper(),)
    marked = list(_MARKED.finditer(line))
    return ((marked[-1][1] or marked[-1][2]).upper(),) if marked else None
