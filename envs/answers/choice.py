"""Compares answers as options of a multiple choice: ``B``, ``(b)``, ``\\text{(B)}``, ``Option B``, ``B) 42``."""

from __future__ import annotations

import re
from functools import lru_cache

from .markup import bare

LONGEST = 2000
"""Longer answers are compared as text."""
_LETTER = r"(?:[A-Za-z]|[1-9])"
_OPTION = r"[A-Ja-j1-9]"
_NOUN = r"(?:option|choice|answer|letter)"
_BARE = re.compile(rf"[(\[{{<]*\s*({_LETTER})\s*[)\]}}>]*\s*[-.:,;)!]*")
_NAMED = re.compile(
    rf"(?:####|correct|(?:final |correct |best )?{_NOUN})\s*[-:=]?\s*[(\[]?({_LETTER})[)\]]?(?:[.:,;)-].*)?", re.I
)
_CONTENT = re.compile(
    rf"(?:[(\[]\s*({_OPTION})\s*[)\]]|({_OPTION})\s*[):]|({_OPTION})\.(?=\s)"
    r"|([B-HJ])(?=,? \d)|([A-J])(?:\s*-\s|\s*[(=]|,?\s+(?:because|since|as)\s))"
    r"\s*\S.*",
    re.S,
)
_MARKED = re.compile(
    rf"\b{_NOUN}\s*(?:(?:is|must be|should be|would be)\s*:?|:)\s*"
    r"(?:(?:most likely|probably|clearly|therefore|thus) )?(?:option |choice )?"
    rf"(?:[(\[]\s*({_OPTION})\s*[)\]]|({_OPTION})(?=\s*(?:[.,;:!)]\s*(?:\s\S|$)|\(|$)|\s+(?:because|since|as)\b))",
    re.I,
)
_CORRECT = re.compile(
    rf"(?:.*\b(?:{_NOUN}|thus|so|hence|therefore)\b,?\s+)?[(\[]?(?-i:([A-J]))[)\]]?\s+is\s+"
    r"(?:(?:the\s+)?(?:correct|right|best|true)\b|the\s+answer\b)(?!\s+(?:if|only|when)).*",
    re.I,
)
_CHOSEN = re.compile(
    rf".*\b(?:is|be|choose|chose|select|selected|pick|picked|with|so|thus|hence|therefore|it's|{_NOUN})\s*[:,]?\s*(?:the\s+)?(?:{_NOUN}\s+)?"
    r"[(\[]?(?-i:([A-J]))[)\]]?\s*[.;!]?",
    re.I,
)
_DENIED = re.compile(r"\b(?:not|never|incorrect|wrong|false|neither|nor|either|or|except|cannot|unless)\b|n't\b", re.I)
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
    if match := _CONTENT.fullmatch(line):
        return (next(group for group in match.groups() if group).upper(),)
    if marked := list(_MARKED.finditer(line)):
        return ((marked[-1][1] or marked[-1][2]).upper(),)
    if (match := _CORRECT.fullmatch(line) or _CHOSEN.fullmatch(line)) and not _DENIED.search(line):
        return (match[1],)
    return None
