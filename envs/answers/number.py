"""Compares answers as numbers: ``1,000``, ``1e3``, ``\\frac12``, ``50%``, ``$5.00``, ``5 cm``, ``The answer is 5.``"""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from .markup import bare
from .quantity import Quantity, compound
from .spelled import PARTS, SCALES, leading_number
from .units import CURRENCIES, Unit, read_unit

LONGEST = 500
"""Longer answers are compared as text."""
_LONG_DECIMAL = 10
"""Significant digits from which on a decimal number may be a rounded value: 0.3333333333 is 1/3, but 0.33 is not."""
_MAX_EXPONENT = 400

_SIMPLE = re.compile(r"-?[0-9]+(?:\.[0-9]{1,8})?")
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
_MORE = re.compile(r",? ?(?:and )?(?=\d)")
_SCALE = re.compile(rf" ?({'|'.join(SCALES)}|dozen)\b", re.I)
_ORDINAL = re.compile(r"^(?:st|nd|rd|th)\b")
_MONEY = "".join(CURRENCIES) + "¤"
_NUMBER = re.compile(
    rf"(?P<sign>{_SIGN})?(?P<money>[{_MONEY}] ?)?(?P<sign2>{_SIGN})?{_VALUE}(?![\d^_!\\{{]|\.\d|,\d)", re.IGNORECASE
)
_FRACTION = re.compile(r"\\[dtc]?frac ?(?:\{([^{}]*)\}|(\d)) ?(?:\{([^{}]*)\}|(\d))")
_CIRCLE = re.compile(r" ?(?:\^ ?\{ ?\\circ ?\}|\^ ?\\circ|\\degree|\\circ)(?![A-Za-z]{2})")
_OVER = re.compile(r"\{([^{}]*)\\over(?![A-Za-z])([^{}]*)\}")
_MARKER = re.compile(r".*(?:####|\banswers? (?:is|are)\b|\banswer ?:|\bis\b|\bequals\b) ?:?", re.I)
_EQUALS = re.compile(r"(.*)(?:=|\\approx|≈)")
_SEVERAL = re.compile(r"\b(?:or|and)\b|[,;]|\\(?:text|quad)|\\pm|±", re.I)
_WORDS = re.compile(r"(?:[\s,;:()'\".?]|[^\W\d_]{2,}+(?:-[^\W\d_]++)*+|(?<!\w)[aAI](?= [a-z]{2}))*+")
_HEDGES = re.compile(
    r"\b(?:not|no|least|most|more|less|about|around|approximately|roughly|nearly|almost|between|over|under|above|below)\b"
    r"|n't\b",
    re.I,
)
_OPERATORS = re.compile(
    r"\b(?:than|or|and|not|plus|times|minus|divided|half|hundred|thousand|million|billion|trillion|squared|cubed)\b",
    re.I,
)
_BECAUSE = re.compile(r",? (?:because|since|as)\b.*")


@lru_cache(1 << 16)
def read_number(text: str) -> Quantity | None:
    """Return the one number that ``text`` gives as its answer, or None.

    Words around the number do not count. Text with several numbers gives the one after ``the answer is``, ``####`` or
    the last ``=``; if there is no such mark, it gives none.
    """
    if len(text) > LONGEST or not text.strip():
        return None
    if _SIMPLE.fullmatch(text):  # by far the most frequent form
        return Quantity(Fraction(text))
    line = bare(text)
    line = _FRACTION.sub(lambda m: f" {m[1] or m[2] or ''}/{m[3] or m[4] or ''}", _OVER.sub(r" \1/\2", line))
    line = re.sub(r"(?<=[-+(/]) (?=[\d.])", "", " ".join(_CIRCLE.sub("°", line.replace("**", "^")).split())).rstrip(
        " .,;:"
    )
    line = re.sub(r"^(?:no\.|number|#)(?!#) ?(?=[\d-])", "", line, flags=re.I)
    if (found := _whole(line)) is not None:
        return found
    if (match := _MARKER.match(line)) and (found := _whole(line[match.end() :].lstrip(" ,;:"))) is not None:
        return found
    if match := _EQUALS.match(line):
        if _SEVERAL.search(match[1]) is not None:
            return None
        return _whole(line[match.end() :].lstrip(" ,;:")) or _whole(match[1].partition("=")[0])
    return _sole(line)


def _spelled(line: str) -> Quantity | None:
    """Return the number that ``line`` spells, if only a unit and words follow."""
    sign = re.match(r"(?:minus|negative) ", line, re.I)
    line = line[sign.end() :] if sign else line
    if line.lower() in PARTS:
        return Quantity(-PARTS[line.lower()] if sign else PARTS[line.lower()])
    found = leading_number(line) if line[:1].isalpha() and not any(map(str.isdigit, line)) else None
    if found is None:
        return None
    unit, rest = _unit(" " + found[1])
    return Quantity(Fraction(-found[0] if sign else found[0]), unit=unit) if _is_words(rest) else None


def _is_words(text: str) -> bool:
    """Return whether ``text`` is words that do not change the value of a number beside them."""
    return _WORDS.fullmatch(text) is not None and _OPERATORS.search(text) is None


def _whole(line: str) -> Quantity | None:
    """Return the number with which ``line`` begins, if only a unit and words follow."""
    if line[:1] + line[-1:] in ("()", "[]") and not set("()[]") & set(line[1:-1]):
        line = line[1:-1].strip()
    line = _BECAUSE.sub("", line)
    line = line.removeprefix("{").removesuffix("}") if line.count("{") == line.count("}") == 1 else line
    match = _NUMBER.match(line.strip())
    return _spelled(line.strip()) if match is None else _complete(match, line.strip()[match.end() :])


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
    if not _is_words(before) or _HEDGES.search(before):
        return None
    return _complete(matches[0], line[matches[0].end() :])


def _complete(match: re.Match[str], rest: str) -> Quantity | None:
    number = _value(match)
    if number is None:
        return None
    if scale := _SCALE.match(rest):
        number, rest = number.times(Fraction(SCALES.get(scale[1].lower(), 12))), rest[scale.end() :]
    rest = _ORDINAL.sub("", rest)
    unit = None if match["money"] is None else read_unit(CURRENCIES.get(match["money"].strip(), "dollar"))
    if unit is None:
        unit, rest = _unit(rest)
        if unit is None and re.match(r"[^\W\d_]", rest):  # 3x is no 3
            return None
    number = replace(number, unit=unit)
    if rest[:1] != "!" and _is_words(rest):
        return number
    more = _MORE.match(rest) if unit is not None else None
    found = None if more is None else _whole(rest[more.end() :])
    return None if found is None else compound(number, found)


def _unit(rest: str) -> tuple[Unit | None, str]:
    """Return the longest unit with which ``rest`` begins, and what follows it."""
    if temperature := re.match(r" ?° ?([CF])\b", rest):
        return read_unit(f"°{temperature[1]}"), rest[temperature.end() :]
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
    if not places.isdecimal():
        return Fraction(0)
    digits = (whole + places).replace(",", "").lstrip("0")
    return Fraction(1, 10 ** len(places)) if point and len(digits) >= _LONG_DECIMAL else Fraction(0)
