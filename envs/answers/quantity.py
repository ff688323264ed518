"""Numbers and expressions with a unit: how two of them are compared."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from .library_worker import SAMPLES
from .units import Unit

_TOLERANCE = 1e-9
"""The relative difference of equal values: they are computed in different orders."""
_ZERO = 1e-12
_MARKS_PER_DECADE = 10**8
"""So fine that different numbers rarely share a mark, and wider than the differences between equal values."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """The value of an answer: an exact number, or an expression by its values where its variables have given values."""

    exact: Fraction | None
    points: tuple[complex, ...] = ()
    """The values at the sample points, if the value is not exact."""
    step: Fraction = Fraction(0)
    """One unit in the last place of a long decimal number, which may be a rounded value."""
    unit: Unit | None = None
    label: str | None = None
    """The variable that an equation gives: ``x`` in ``x = 5``."""
    residual: tuple[complex, ...] = ()
    """The left side less the right side of this equation, at the sample points."""

    def times(self, factor: Fraction | float) -> Quantity:
        """Return the quantity without unit, multiplied by ``factor``."""
        if self.exact is not None and isinstance(factor, Fraction):
            return Quantity(self.exact * factor, (), self.step * factor)
        try:
            return Quantity(None, tuple(value * float(factor) for value in self._values(SAMPLES)))
        except OverflowError:
            return Quantity(None if self.exact is None else self.exact * Fraction(factor), self.points)

    def alternatives(self) -> Iterator[Quantity]:
        """Yield the numbers without unit that mean the same."""
        yield self
        if self.unit is not None and self.unit.plain is not None:
            yield self.times(self.unit.plain)

    def marks(self) -> set[Hashable]:
        """Return marks of the value: equal quantities share one."""
        found: set[Hashable] = set()
        for number in self.alternatives():
            found.update(number._grid())
        if self.residual:
            found.update(proportion_marks(self.residual))
        if self.unit is not None:
            found.update((self.unit.dimension, mark) for mark in self.times(self.unit.factor)._grid())
        return found

    def _grid(self) -> Iterator[Hashable]:
        """Yield the cells of two shifted logarithmic grids in which the value lies."""
        if self.exact is not None:
            if not self.exact:
                yield 0
                return
            size = math.log10(abs(self.exact.numerator)) - math.log10(self.exact.denominator)
        else:
            value = abs(self.points[0])
            if value < _ZERO:
                yield 0
                return
            size = math.log10(value)
        cell = size * _MARKS_PER_DECADE
        yield "even", math.floor(cell)
        yield "odd", math.floor(cell + 0.5)

    def _values(self, count: int) -> tuple[complex, ...]:
        return self.points if self.exact is None else (complex(float(self.exact)),) * count

    def equals(self, other: Quantity) -> bool:
        """Return whether the values are equal, without regard to units."""
        if self.exact is not None and other.exact is not None:
            if self.exact == other.exact:
                return True
            if bool(self.step) == bool(other.step):
                return False
            return abs(self.exact - other.exact) < (self.step or other.step)
        try:
            pairs = zip(self._values(len(other.points)), other._values(len(self.points)), strict=True)
            return all(_close(mine, theirs) for mine, theirs in pairs)
        except (OverflowError, ValueError):
            return False


def same_quantity(first: Quantity, second: Quantity) -> bool:
    """Return whether two quantities are the same answer.

    A unit, or the variable of an equation, counts only if both answers have one.
    """
    if first.label is not None and second.label is not None and first.label != second.label:
        return proportional(first.residual, second.residual)
    one, other = first.unit, second.unit
    if one is not None and other is not None:
        if one.dimension != other.dimension:
            return False
        return first.times(one.factor).equals(second.times(other.factor))
    return any(mine.equals(theirs) for mine in first.alternatives() for theirs in second.alternatives())


def compound(first: Quantity, second: Quantity) -> Quantity | None:
    """Return the sum of a quantity and one in a smaller unit, such as 2 hours and 24 minutes; None for any others."""
    big, small = first.unit, second.unit
    if big is None or small is None or first.exact is None or second.exact is None or second.exact < 0:
        return None
    if big.dimension != small.dimension or second.exact * small.factor >= big.factor:
        return None
    return Quantity(first.exact + second.exact * small.factor / big.factor, unit=big)


def proportional(first: tuple[complex, ...], second: tuple[complex, ...], positive: bool = False) -> bool:
    """Return whether ``first`` is ``second`` times a number other than 0, and above 0 if ``positive``."""
    if len(first) != len(second) or not first:
        return False
    if not all(_close(first[0] * b, a * second[0]) for a, b in zip(first, second, strict=True)):
        return False
    return not positive or (first[0] * second[0].conjugate()).real > 0


def proportion_marks(residual: tuple[complex, ...]) -> Iterator[Hashable]:
    """Yield marks of an equation: `proportional` ones share one."""
    if abs(residual[0]) < _ZERO:
        yield "equation"
        return
    for mark in Quantity(None, (residual[1] / residual[0],))._grid():
        yield "equation", mark


def _close(first: complex, second: complex) -> bool:
    difference = abs(first - second)
    return difference <= _TOLERANCE * max(abs(first), abs(second)) or difference < _ZERO
