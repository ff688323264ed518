"""Computes a formula: exactly if it is rational, and else at sample points of its variables."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from fractions import Fraction

from .library_worker import INFINITY, SAMPLES, sample_value
from .quantity import Quantity
from .tree import Node, Unreadable
from .units import read_unit

_MAX_BITS = 20_000
_MAX_FACTORIAL = 500
LARGEST = 1e290
"""Larger values are not compared."""
_IRRATIONAL = ("letter", "constant", "based")
_CONSTANTS = {"pi": complex(math.pi), "e": complex(math.e), "i": 1j, "infinity": complex(INFINITY)}
_FUNCTIONS: dict[str, Callable[[complex], complex]] = {
    "sin": cmath.sin, "cos": cmath.cos, "tan": cmath.tan, "cot": lambda z: 1 / cmath.tan(z),
    "sec": lambda z: 1 / cmath.cos(z), "csc": lambda z: 1 / cmath.sin(z), "arcsin": cmath.asin, "arccos": cmath.acos,
    "arctan": cmath.atan, "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh, "ln": cmath.log,
    "log": cmath.log10, "lg": cmath.log10, "exp": cmath.exp,
}  # fmt: skip
_ROUNDING = {"floor": math.floor, "ceiling": math.ceil}


class _Irrational(Exception):
    """The value has no exact form here."""


def evaluate(node: Node) -> Quantity:
    """Return the value of a formula without units at its top.

    Raises:
        Unreadable: it has no value, or one that is too large.
    """
    try:
        step = node.step if node.kind == "number" else _negated_step(node)
        return Quantity(_exact(node), step=step)
    except _Irrational:
        return Quantity(None, points(node))


def points(node: Node) -> tuple[complex, ...]:
    """Return the values of a formula at the sample points.

    Raises:
        Unreadable: it has no value, or one that is too large.
    """
    try:
        values = tuple(complex(_value(node, sample)) for sample in range(SAMPLES))
    except (ArithmeticError, ValueError):
        raise Unreadable from None
    if not all(abs(value) < LARGEST for value in values):  # not-a-number is not smaller, either
        raise Unreadable
    return values


def has_letters(node: Node) -> bool:
    """Return whether a formula contains a variable."""
    return node.kind == "letter" or any(map(has_letters, node.parts))


def _negated_step(node: Node) -> Fraction:
    negated = node.kind == "multiply" and node.parts[0].value == -1 and node.parts[1].kind == "number"
    return node.parts[1].step if negated else Fraction(0)


def _exact(node: Node) -> Fraction:
    kind, parts = node.kind, node.parts
    if kind == "number":
        return node.value
    if kind in _IRRATIONAL or (kind == "function" and node.text in _FUNCTIONS):
        raise _Irrational
    values = [_exact(part) for part in parts]
    if sum(value.numerator.bit_length() + value.denominator.bit_length() for value in values) > _MAX_BITS:
        raise Unreadable
    if kind == "add":
        return values[0] + values[1]
    if kind == "multiply":
        return values[0] * values[1]
    if kind == "divide":
        if not values[1]:
            raise Unreadable
        return values[0] / values[1]
    if kind == "power":
        return _power(*values)
    if kind == "function":
        return _exact_function(node.text, values[0])
    if kind == "binomial":
        return _binomial(*values)
    if kind == "quantity":
        return _plain_exact(node.text, values[0])
    raise _Irrational if kind == "root" else Unreadable


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        raise _Irrational
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * bits > _MAX_BITS or (not base and exponent <= 0):
        raise Unreadable
    return base ** int(exponent)


def _exact_function(name: str, value: Fraction) -> Fraction:
    if name == "abs":
        return abs(value)
    if name in _ROUNDING:
        return Fraction(_ROUNDING[name](value))
    if name == "factorial" and value.denominator == 1 and 0 <= value <= _MAX_FACTORIAL:
        return Fraction(math.factorial(int(value)))
    raise Unreadable


def _binomial(above: Fraction, below: Fraction) -> Fraction:
    if above.denominator != 1 or below.denominator != 1 or not 0 <= below <= above <= _MAX_FACTORIAL:
        raise Unreadable
    return Fraction(math.comb(int(above), int(below)))


def _plain_exact(name: str, value: Fraction) -> Fraction:
    factor = _plain_factor(name)
    if not isinstance(factor, Fraction):
        raise _Irrational
    return value * factor


def _plain_factor(name: str) -> Fraction | float:
    """Return the number by which a unit inside a formula multiplies: a percent sign, or a degree sign."""
    unit = read_unit(name)
    if unit is None or unit.plain is None:
        raise Unreadable
    return unit.plain


def _value(node: Node, sample: int) -> complex:
    kind, parts = node.kind, node.parts
    if kind == "number":
        return complex(float(node.value))
    if kind == "letter":
        return complex(sample_value(node.text, sample))
    if kind == "constant":
        return _CONSTANTS[node.text]
    if kind == "quantity":
        return _value(parts[0], sample) * float(_plain_factor(node.text))
    values = [_value(part, sample) for part in parts]
    if kind == "add":
        return values[0] + values[1]
    if kind == "multiply":
        return values[0] * values[1]
    if kind == "divide":
        return values[0] / values[1]
    if kind == "power":
        return _settled(complex(values[0] ** values[1]))
    if kind == "root":
        return _root(*values)
    if kind == "function":
        return _function(node.text, values[0])
    if kind == "binomial":
        return _gamma(values[0]) / (_gamma(values[1]) * _gamma(values[0] - values[1]))
    raise Unreadable


def _settled(value: complex) -> complex:
    """Return a real number where the imaginary part is a rounding error."""
    return complex(value.real) if abs(value.imag) < 1e-14 * abs(value.real) else value


def _root(value: complex, degree: complex) -> complex:
    if not value.imag and value.real < 0 and degree in (3, 5, 7, 9):
        return -((-value) ** (1 / degree))
    return cmath.sqrt(value) if degree == 2 else _settled(complex(value ** (1 / degree)))


def _function(name: str, value: complex) -> complex:
    if name in _FUNCTIONS:
        return _FUNCTIONS[name](value)
    if name == "abs":
        return complex(abs(value))
    if value.imag:
        raise Unreadable
    if name in _ROUNDING:
        nearest = round(value.real)
        return complex(nearest if abs(value.real - nearest) < 1e-9 else _ROUNDING[name](value.real))
    if name == "factorial":
        return _gamma(value)
    raise Unreadable


def _gamma(value: complex) -> complex:
    if value.imag:
        raise Unreadable
    return complex(math.gamma(value.real + 1))
