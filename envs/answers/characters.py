"""Replaces Unicode characters that look alike or mean the same by one plain spelling."""

from __future__ import annotations

import re
import unicodedata

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_LOWERED = re.compile(r"[₀₁₂₃₄₅₆₇₈₉]+")
_FRACTION = re.compile(r"(\d?)([¼½¾⅐-⅞])")
_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\u2014\u2015\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc`\u00b4", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u00ab\u00bb\u300c\u300d\u300e\u300f\u2033", '"'),
        **dict.fromkeys("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f", None),
        "\u2044": "/",
        "\u2215": "/",
        "\u2236": ":",
        "\u2026": "...",
    }
)


def plain(text: str) -> str:
    """Return ``text`` in compatibility form (NFKC), with plain minus signs and quotes, and white space collapsed.

    Raised digits become powers (``x²`` is ``x^{2}``), lowered ones subscripts, and ``3½`` is ``3 1/2``.
    """
    if not text.isascii():
        text = _RAISED.sub(lambda match: f"^{{{match[0].translate(_SUPERSCRIPTS)}}}", text)
        text = _LOWERED.sub(lambda match: f"_{{{unicodedata.normalize('NFKC', match[0])}}}", text)
        text = _FRACTION.sub(lambda match: f"{match[1]}{' ' if match[1] else ''}{match[2]}", text)
        text = unicodedata.normalize("NFKC", text.translate(_PLAIN)).translate(_PLAIN)
    else:
        text = text.replace("`", "'")
    return " ".join(text.split())
