"""Compares answers as mathematics. Most formulas are read here; math-verify reads the others."""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from .characters import plain
from .evaluation import LARGEST
from .formula import parse
from .library import LIBRARY, library_same
from .markup import bare, boxed, undressed
from .number import LONGEST as LONGEST_NUMBER
from .number import read_number
from .quantity import Quantity
from .readings import Collection, LibraryObject, Reading, Words, marks, read_tree, same_reading
from .text import fold_markup
from .tokens import tokenize
from .tree import Unreadable

LONGEST = 1000
"""Longer answers are compared as text."""
_LONGEST_FOR_LIBRARY = 200
_MOST_TOKENS = 250
"""With the limit on nesting, this keeps recursion far from the interpreter's limit, wherever the call comes from."""
_DELIMITED = re.compile(r"\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.S)
_INTRODUCTION = re.compile(
    r"(?:(?:so|thus|hence|therefore),? )?(?:the |my |our )?(?:final |correct )?answers?(?: is| are)?(?: equal to)?"
    r" ?:? ?(?=\S)|#### ?|= ?",
    re.I,
)
_OPEN_LEFT = re.compile(r"(?<![\w)\]}])\]([^\[\]();]*,[^\[\]();]*)([\[\]])")
_OPEN_RIGHT = re.compile(r"\[([^\[\]();]*,[^\[\]();]*)\[")
"""Half-open intervals as they are written in France: ``]0,1]``, ``[0,1[``."""
_SPACED_UNIT = re.compile(r"^(-?\d[\d.,/]* )([msghlL]|[a-z]{1,3}/[a-z]{1,3}(?:\^2)?)$")
_NAMES = {
    **dict.fromkeys(("all real numbers", "all reals", "real numbers", "the real numbers"), r"\mathbb{R}"),
    **dict.fromkeys(("empty set", "the empty set", "null set"), r"\emptyset"),
}
_MATHEMATICS = re.compile(r"\\[A-Za-z]+|[\^_=<>+*/|]")
_ENDLESS = re.compile(
    r"\d{30}|(?:\^\s*\{?[^{}]*){3}|\^\s*\{?\s*-?\d{4}|\d{4}\s*!|![^!]*[)}\]]\s*!|![\s)]*!|\^[^!]*!"
    r"|\^\s*\{[^{}]*[\^!]|\^\s*(?:\{\s*)?\\[dt]?(?:frac|binom)|\\[dt]?binom.*(?:\d{4}|[\^!])|\\(?:int|sum|prod|lim)"
)
"""Formulas whose computation may take very long, or as much memory as there is."""
_EXPONENT = re.compile(r"\^\s*\{?\s*-?(\d+)")
_HIGHEST_POWER = 10_000
"""The product of all exponents of a formula that the library may compute: they may be nested."""


@dataclass(frozen=True, slots=True)
class MathEquivalence:
    """Formulas are the same if they have the same value; any others if their folded texts are equal."""

    name: str = "math"

    def same(self, first: str, second: str) -> bool:
        """Return whether two answers say the same."""
        if first == second:
            return True
        one, other = read_mathematics(first), read_mathematics(second)
        if isinstance(one, LibraryObject) and isinstance(other, LibraryObject):
            return one == other or library_same(one.text, other.text)
        return same_reading(one, other)

    def marks(self, answer: str) -> Iterable[Hashable]:
        """Return marks of what the answer says."""
        return marks(read_mathematics(answer))


@lru_cache(1 << 16)
def read_mathematics(answer: str) -> Reading:
    """Return what an answer says: a formula as it reads, and any other text as words."""
    found = read_formula(answer)
    if found is None and len(answer) <= LONGEST:
        formula = _formula(answer)
        if all(token.kind != "word" for token in tokenize(formula)):
            found = _by_library(formula)
    return found or _words(answer)


def _words(answer: str) -> Words:
    if len(answer) > LONGEST:
        return Words(fold_markup(answer))
    text = bare(answer)
    introduction = _INTRODUCTION.match(text)
    return Words(fold_markup(text[introduction.end() :] if introduction else text))


def read_formula(answer: str) -> Reading | None:
    """Return what a formula or a number says, as far as it can be read without the library, or None."""
    if len(answer) > LONGEST:
        return None
    if answer.isascii() and answer.isdecimal() and len(answer) <= LONGEST_NUMBER:
        return read_number(answer)
    tokens = tokenize(_formula(answer))
    try:
        return read_tree(parse(tokens)) if len(tokens) <= _MOST_TOKENS else None
    except (Unreadable, RecursionError):
        return read_number(answer)


def _formula(answer: str) -> str:
    """Return the formula that an answer gives, without what is around it."""
    text = plain(answer)
    content = boxed(text)
    if content is None:
        parts = [next(filter(None, match)) for match in _DELIMITED.findall(text)]
        outside = _DELIMITED.sub(" ", text)
        if len(parts) == 1 and re.search(r"[^\W\d_]{2,}", outside):
            content = parts[0]
    text = undressed(text if content is None else content).rstrip(" .,;:")
    text = text[match.end() :] if (match := _INTRODUCTION.match(text)) else text
    text = _OPEN_LEFT.sub(_round_left, _OPEN_RIGHT.sub(r"[\1)", text))
    return _NAMES.get(bare(text).lower(), _SPACED_UNIT.sub(r"\1\\text{\2}", text))


def _round_left(match: re.Match[str]) -> str:
    return f"({match[1]}{')' if match[2] == '[' else ']'}"


def _by_library(formula: str) -> Reading | None:
    """Return what math-verify makes of a formula, or None if it is none."""
    if len(formula) > _LONGEST_FOR_LIBRARY or not _MATHEMATICS.search(formula):
        return None
    if _is_endless(formula) or not formula.isprintable():
        return None
    formula = formula.replace("\\bmod", "\\mod")
    found = LIBRARY.ask({"read": formula})
    return LibraryObject(formula) if "other" in found else _decoded(found)


def _is_endless(formula: str) -> bool:
    """Return whether the computation of a formula may take very long."""
    return _ENDLESS.search(formula) is not None or math.prod(map(int, _EXPONENT.findall(formula))) > _HIGHEST_POWER


def _decoded(document: dict[str, Any]) -> Reading | None:
    """Return the reading that the worker of the library has written as JSON, or None if there is none."""
    if "collection" in document:
        items = [_decoded(item) for item in document["items"]]
        known = tuple(item for item in items if item is not None)
        return Collection(document["collection"], known) if len(known) == len(items) else None
    if "exact" in document:
        above, below = document["exact"]
        return Quantity(Fraction(int(above), int(below)))
    points = tuple(complex(real, imaginary) for real, imaginary in document.get("points", ()))
    return Quantity(None, points) if points and all(abs(value) < LARGEST for value in points) else None
