"""Takes the dress of an answer off: ``$...$``, ``\\boxed{...}``, ``\\text{...}``, spacing commands, ``**...**``."""

from __future__ import annotations

import re

from .characters import plain

_DRESSED = re.compile(r"[\\${}*_~<\"']")
_TAGS = re.compile(r"</?(?:answer|ans|final_answer|b|strong|em|i|think)>", re.I)
_DELIMITERS = re.compile(r"\$\$?(?=\S)([^$]*[^\s$])\$\$?(?!\d)")
_ENVIRONMENTS = re.compile(r"\\[()\[\]]")
_SPACES = re.compile(r"\\(?:[,;:! ]|q?quad(?![A-Za-z])|hspace\*?\{[^{}]*\}|phantom\{[^{}]*\})|~")
_EMPTY = re.compile(
    r"\\(?:displaystyle|textstyle|left(?![A-Za-z])|right(?![A-Za-z])|(?:big|Big|bigg|Bigg)[lrm]?(?![A-Za-z])|limits)\.?"
)
_FONTS = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal)?|math(?:rm|bf|it|sf|normal)|mbox|hbox|emph|underline|boldsymbol|operatorname\*?)"
    r" ?\{([^{}]*)\}"
)
_LETTER = re.compile(r"(\\(?:math(?:bb|rm|bf|cal|it|sf)|bm|boldsymbol|vec)) ([A-Za-z0-9])(?![A-Za-z])")
_EMPHASIS = re.compile(r"(?<![\w)}\]])\*\*(?=\S)(.*?)(?<=\S)\*\*(?![\w({\[])")
_GROUPED = re.compile(r"(?<=\d)(?:\{,\}|\\[,! ]|\{ \})(?=\d{3}(?!\d))")


def boxed(text: str) -> str | None:
    """Return the content of the last ``\\boxed{...}`` or ``\\fbox{...}`` in ``text``, with nested braces, or None."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if start < 0:
        return None
    opening = text.find("{", start)
    if opening < 0 or text[start:opening].strip() not in ("\\boxed", "\\fbox"):
        return None
    depth = 0
    for end in range(opening, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if not depth:
            return text[opening + 1 : end]
    return None


def undressed(text: str) -> str:
    """Return ``text`` in plain characters without delimiters, boxes and emphasis. Dollars of money become ``¤``."""
    text = plain(text)
    if not _DRESSED.search(text):
        return text
    text = _TAGS.sub(" ", text)
    for _ in range(3):
        content = boxed(text)
        if content is None:
            break
        text = content
    text = _LETTER.sub(r"\1{\2}", _GROUPED.sub(",", text)).replace("\\$", "¤")
    text = _DELIMITERS.sub(r"\1", text)
    text = _ENVIRONMENTS.sub(" ", text).replace("$", "¤").replace("\\%", "%")
    text = _EMPHASIS.sub(r"\1", _EMPTY.sub("", text))
    return _stripped(text)


def bare(text: str) -> str:
    """Return ``text`` undressed, and also without spacing commands and fonts: ``\\textbf{(B)}\\ 42`` is ``(B) 42``."""
    text = undressed(text)
    if "\\" not in text and "{" not in text and "~" not in text:
        return text
    text = _SPACES.sub(" ", text)
    before = ""
    while before != text:
        before, text = text, _FONTS.sub(r" \1", text)
    text = text.replace("{}", "")
    return _stripped(text)


def _stripped(text: str) -> str:
    text = " ".join(text.split())
    for mark in ('"', "'", "__", "*"):
        inner = text[len(mark) : -len(mark)]
        if len(text) > 2 * len(mark) and text.startswith(mark) and text.endswith(mark) and mark not in inner:
            text = inner.strip()
    return text
