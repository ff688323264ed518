"""Compares answers as numbers: ``1,000``, ``1e3``, ``\\frac12``, ``50%``, ``$5.00``, ``5 cm``, ``The answer is 5.``"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from .markup import bare
from .quantity import Quantity
from .units import CURRENCIES, Unit, read_unit

LONGEST = 500
"""Longer answers are compared as text."""
_LONG_DECIMAL = 10
"""Significant digits from which on a decimal number may be a rounded value: 0.3333333333 is 1/3, but 0.33 is not."""
_MAX_EXPONENT = 400

_SIGN = r"(?:[+-] ?|minus |negative )"
_PLAIN = r"\d*\.\d*\\(?:overline|bar) ?\{\d+\}|(?:\d{1,3}(?:[,_ ]\d{3})+(?![\d,_])|\d+)(?:\.\d*)?|\.\d+"
_TIMES = r" ?(?:\\times|\\cdot|[x*·×]) ?"
_POWER = r"10 ?\^ ?(?:\{ ?(?P<{0}>[+-]?\d+) ?\}|(?P<{0}b>[+-]?\d+))"
_VALUE = (
    rf"(?:(?P<mixed>\d+) (?P<part>\d+) ?/ ?(?P<parts>[1-9]\d*)(?![\d.,])"
    rf"|(?P<above>{_PLAIN}) ?/ ?(?P<sign3>[+-]?)(?P<below>{_PLAIN})"
    rf"|(?P<base>{_PLAIN})(?:[eE](?P<e>[+-]?\d+)|{_TIMES}{_POWER.replace('{0}', 'times')})"
    rf"|{_POWER.replace('{0}', 'ten')}"
    rf"|(?P<root>\d+) ?\^ ?(?:\{{(?P<to>\d+)\}}|(?P<tob>\d+))"
    rf"|(?P<only>{_PLAIN}))"
)
_MONEY = "".join(CURRENCIES) + "¤"
_NUMBER = re.compile(
    rf"(?P<sign>{_SIGN})?(?P<money>[{_MONEY}] ?)?(?P<sign2>{_SIGN})?{_VALUE}(?![\d^_!\\{{]|\.\d|,\d)", re.IGNORECASE
)
_FRACTION = re.compile(r"\\[dtc]?frac ?(?:\{([^{}]*)\}|(\d)) ?(?:\{([^{}]*)\}|(\d))")
_CIRCLE = re.compile(r" ?(?:\^ ?\{ ?\\circ ?\}|\^ ?\\circ|\\degree|\\circ)(?![A-Za-z]{2})")
_OVER = re.compile(r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}")
_MARKER = re.compile(r".*(?:####|\banswers? (?:is|are)\b|\banswer ?:|\bresult is\b|\btotal is\b|\bequals\b) ?:?", re.I)
_EQUALS = re.compile(r"(.*)(?:=|\\approx|≈)")
_SEVERAL = re.compile(r"\b(?:or|and)\b|[,;]|\\(?:text|quad)|\\pm|±", re.I)
_WORDS = re.compile(r"(?:[\s,;:()'\".?]|[^\W\d_]{2,}+(?:-[^\W\d_]++)*+|(?<!\w)[aAI](?= [a-z]{2}))*+")
_HEDGES = re.compile(
    r"\b(?:not|no|least|most|more|less|than|about|around|approximately|roughly|nearly|almost|between|or|and|over|under"
    r"|above|below|plus|times|minus|over|divided|half|hundred|thousand|million|billion|trillion|dozen|squared|cubed)\b",
    re.I,
)
_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"
    " eighteen nineteen twenty"
)
_TENS = "thirty forty fifty sixty seventy eighty ninety hundred"
_SPELLED = {word: n for n, word in enumerate(_SMALL.split())}
_SPELLED |= {word: 10 * n for n, word in enumerate(_TENS.split(), 3)}


@lru_cache(1 << 16)
def read_number(text: str) -> Quantity | None:
    """Return the one number that ``text`` gives as its answer, or None.

    Words around the number do not count. Text with several numbers gives the one after ``the answer is``, ``####`` or
    the last ``=``; if there is no such mark, it gives none.
    """
    if len(text) > LONGEST or not text.strip():
        return None
    if text.isascii() and text.isdecimal():  # by far the most frequent form
        return Quantity(Fraction(int(text)))
    line = bare(text)
    line = _FRACTION.sub(lambda m: f" {m[1] or m[2] or ''}/{m[3] or m[4] or ''}", _OVER.sub(r" \1/\2", line))
    line = re.sub(r"(?<=[-+(/]) (?=[\d.])", "", " ".join(_CIRCLE.sub("°", line).split())).rstrip(" .,;:")
    if line.lower() in _SPELLED:
        return Quantity(Fraction(_SPELLED[line.lower()]))
    if (found := _whole(line)) is not None:
        return found
    if match := _MARKER.match(line):
        return _whole(line[match.end() :].lstrip(" ,;:"))
    if match := _EQUALS.match(line):
        several = _SEVERAL.search(match[1]) is not None
        return None if several else _whole(line[match.end() :].lstrip(" ,;:"))
    return _sole(line)


def _whole(line: str) -> Quantity | None:
    """Return the number with which ``line`` begins, if only a unit and words follow."""
    if line.startswith("(") and line.endswith(")") and ")" not in line[:-1]:
        line = line[1:-1].strip()
    line = line.removeprefix("{").removesuffix("}") if line.count("{") == line.count("}") == 1 else line
    match = _NUMBER.match(line.strip())
    if match is None:
        return None
    return _complete(match, line.strip()[match.end() :])


def _sole(line: str) -> Quantity | None:
    """Return the only number of ``line``, if all the rest is words."""
    if sum(character.isdigit() for character in line) > 60:
        return None
    matches = list(_NUMBER.finditer(line))
    if len(matches) != 1 or re.search(r"[\w^\\.]$", line[: matches[0].start()]):
        return None
    if (matches[0]["sign"] or "").endswith("- ") and matches[0].start():  # A - 5
        return None
    before = line[: matches[0].start()]
    if not _WORDS.fullmatch(before) or _HEDGES.search(before):
        return None
    return _complete(matches[0], line[matches[0].end() :])


def _complete(match: re.Match[str], rest: str) -> Quantity | None:
    number = _value(match)
    if number is None:
        return None
    unit = None if match["money"] is None else read_unit(CURRENCIES.get(match["money"].strip(), "dollar"))
    if unit is None:
        unit, rest = _unit(rest)
        if unit is None and re.match(r"[^\W\d_]", rest):  # 3x is no 3
            return None
    if rest[:1] == "!" or not _WORDS.fullmatch(rest) or _HEDGES.search(rest):
        return None
    return replace(number, unit=unit)


def _unit(rest: str) -> tuple[Unit | None, str]:
    """Return the longest unit with which ``rest`` begins, and what follows it."""
    sign = rest.lstrip()[:1]
    if sign in ("%", "°") and not rest.lstrip()[1:2].isalpha():
        return read_unit(sign), rest.lstrip()[1:]
    words = rest.split()
    for count in range(min(4, len(words)), 0, -1):
        name = " ".join(words[:count])
        if (unit := read_unit(name.rstrip(".,;:!?)"))) is not None:
            return unit, " " + " ".join(words[count:])
    return None, rest


def _value(match: re.Match[str]) -> Quantity | None:
    """Return the number of a match of the pattern, or None if it is none: 1/0, or a number without end."""
    negative = sum((match[name] or "").strip() in ("-", "minus", "negative", "Minus", "Negative")
                   for name in ("sign", "sign2", "sign3")) % 2  # fmt: skip
    step = Fraction(0)
    if match["mixed"]:
        value = int(match["mixed"]) + Fraction(int(match["part"]), int(match["parts"]))
    elif match["above"]:
        below = decimal(match["below"])
        if not below:
            return None
        value = decimal(match["above"]) / below
    elif match["root"]:
        power = int(match["to"] or match["tob"])
        if power > _MAX_EXPONENT:
            return None
        value = Fraction(int(match["root"])) ** power
    else:
        exponent = next((int(match[n]) for n in ("e", "times", "timesb", "ten", "tenb") if match[n]), 0)
        if abs(exponent) > _MAX_EXPONENT:
            return None
        text = match["base"] or match["only"] or "1"
        value = decimal(text) * Fraction(10) ** exponent
        step = rounding_step(text) * Fraction(10) ** exponent
    return Quantity(-value if negative else value, step=step)


def decimal(text: str) -> Fraction:
    """Return the value of a decimal number with separators of thousands, or with digits that repeat for ever."""
    start, found, digits = text.partition("\\")
    if found:  # digits that repeat
        period = re.sub(r"\D", "", digits)
        places = len(start.partition(".")[2])
        return Fraction(f"0{start}0") + Fraction(int(period), (10 ** len(period) - 1) * 10**places)
    return Fraction(re.sub("[,_ ]", "", text))


def rounding_step(text: str) -> Fraction:
    """Return one unit in the last place of a long decimal number, and 0 for a short one or a whole number."""
    whole, point, places = text.partition(".")
    if "\\" in places:
        return Fraction(0)
    digits = (whole + places).replace(",", "").lstrip("0")
    return Fraction(1, 10 ** len(places)) if point and len(digits) >= _LONG_DECIMAL else Fraction(0)
