"""Reads units: ``cm``, ``square meters``, ``km/h``, ``dollars``, ``%``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit: quantities of one dimension can be converted into each other."""

    dimension: str
    factor: Fraction = Fraction(1)
    """The unit in base units of its dimension."""
    plain: Fraction | float | None = None
    """The factor of a number without unit that means the same: 50% is 0.5, 90 degrees are pi/2."""


PERCENT = Unit("percent", plain=Fraction(1, 100))
DEGREE = Unit("degree", plain=math.pi / 180)
CURRENCIES = {"$": "dollar", "€": "euro", "£": "pound", "¥": "yen", "₹": "rupee"}

_TABLE = """
length mm=1/1000 millimeter=1/1000 millimetre=1/1000 cm=1/100 centimeter=1/100 centimetre=1/100 m=1 meter=1 metre=1
length km=1000 kilometer=1000 kilometre=1000 in=127/5000 inch=127/5000 inches=127/5000 ft=381/1250 foot=381/1250
length feet=381/1250 yd=1143/1250 yard=1143/1250 mi=201168/125 mile=201168/125
time s=1 sec=1 second=1 min=60 minute=60 h=3600 hr=3600 hour=3600 day=86400 week=604800
mass mg=1/1000 milligram=1/1000 g=1 gram=1 kg=1000 kilogram=1000
volume ml=1/1000 milliliter=1/1000 millilitre=1/1000 l=1 liter=1 litre=1
USD dollar=1 usd=1 buck=1 cent=1/100
EUR euro=1 eur=1
pound pound=1 gbp=1 lb=1
JPY yen=1 jpy=1
INR rupee=1 inr=1
month month=1
year year=1
celsius °c=1 celsius=1
fahrenheit °f=1 fahrenheit=1
"""
_UNITS: dict[str, Unit] = {"%": PERCENT, "percent": PERCENT, "per cent": PERCENT}
for _line in _TABLE.split("\n"):
    for _entry in _line.split()[1:]:
        _name, _, _value = _entry.partition("=")
        _UNITS[_name] = Unit(_line.split()[0], Fraction(_value))
_UNITS |= dict.fromkeys(("°", "deg", "degree"), DEGREE)
_LONG = {"mph": "mile/hour", "kph": "km/hour", "kmh": "km/hour", "kmph": "km/hour"}
SYMBOLS = frozenset(name for name in (*_UNITS, *_LONG) if name.isalpha() and 1 < len(name) < 5) - {"in", "day", "year"}
"""Units that may follow a number in a formula without a mark that they are text."""
_SHAPES = (("square ", 2), ("sq ", 2), ("cubic ", 3), ("cu ", 3))
_POWER = re.compile(r"(.*?) ?(?:\^ ?\{?([23])\}?)")


@lru_cache(4096)
def read_unit(text: str) -> Unit | None:
    """Return the unit that ``text`` names, or None if it names no known one."""
    name = " ".join(text.lower().replace(".", " ").replace("*", "·").split())
    if name in ("degrees celsius", "degree celsius", "degrees c"):
        name = "celsius"
    if name in ("degrees fahrenheit", "degree fahrenheit", "degrees f"):
        name = "fahrenheit"
    name = _LONG.get(name, name)
    if (found := _single(name)) is not None:
        return found
    for mark in (" per ", "/"):
        upper, found_mark, lower = name.partition(mark)
        if found_mark:
            above, below = _single(upper.strip()), _single(lower.strip())
            if above is None or below is None:
                return None
            return Unit(f"{above.dimension}/{below.dimension}", above.factor / below.factor)
    return None


def _single(name: str) -> Unit | None:
    """Return the unit ``name``, at most once raised to a power: ``cm``, ``cm^2``, ``square meters``."""
    if (unit := _plain(name)) is not None:
        return unit
    power, base = 0, name
    for prefix, exponent in _SHAPES:
        if name.startswith(prefix):
            power, base = exponent, name.removeprefix(prefix)
    if match := _POWER.fullmatch(name):
        base, power = match[1], int(match[2])
    unit = _plain(base) if power else None
    return None if unit is None else Unit(f"{unit.dimension}^{power}", unit.factor**power)


def _plain(name: str) -> Unit | None:
    return _UNITS.get(name) or (_UNITS.get(name[:-1]) if name.endswith("s") and len(name) > 2 else None)
