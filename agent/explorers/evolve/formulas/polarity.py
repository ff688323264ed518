"""The direction in which beta changes a constant: more beta must not spend fewer tokens, where that is known."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from .expression import RECALLING, Expression
from .simplify import range_of
from .vocabulary import FormulaFeature


def directed(tree: Expression, direction: int, features: Mapping[str, FormulaFeature]) -> Expression:
    """Return ``tree`` with every constant in its direction.

    If a larger constant makes the value larger wherever it has an effect, and a larger value spends more tokens, then
    the constant must not fall as beta grows. A constant whose ends are in the wrong order gets its middle for every
    beta. Constants whose effect depends on other values stay as they are; the tokens of an evaluated controller show
    what they do.

    Args:
        tree: a formula.
        direction: +1 if a larger value (a condition that holds more often) spends more tokens, -1 if less, 0 if that is
            unknown.
        features: the features of its scope.
    """
    if direction == 0:
        return tree
    if tree.is_constant:
        lo, hi = tree.span
        if (hi - lo) * direction >= 0:
            return tree
        centre = math.sqrt(lo * hi) if min(lo, hi) > 0 else (lo + hi) / 2
        centre = float(f"{centre:.2g}")
        return Expression("c", tree.type, (), (centre, centre))
    signs = _signs(tree, features)
    args = (directed(each, direction * sign, features) for each, sign in zip(tree.args, signs, strict=True))
    return Expression(tree.op, tree.type, tuple(args), tree.span, tree.name)


def _signs(tree: Expression, features: Mapping[str, FormulaFeature]) -> tuple[int, ...]:
    """Return, for each argument, whether the value grows (+1) or falls (-1) with it; 0 if that depends."""
    if tree.op in ("sub", "ge"):
        return 1, -1
    if tree.op in ("mul", "div"):
        one, two = (_sign(range_of(each, features)) for each in tree.args)
        return (two, one) if tree.op == "mul" else (two if two > 0 else 0, -one if two > 0 else 0)
    if tree.op == "pow":
        base, exponent = (range_of(each, features) for each in tree.args)
        grows = _sign((base[0] - 1, base[1] - 1)) if base[0] >= 0 else 0
        return (_sign(exponent) if base[0] >= 0 else 0), grows
    if tree.op == "not":
        return (-1,)
    if tree.op == "pick":
        return 0, 1, 1
    if tree.op in RECALLING:
        return (1, 0) if tree.op == "average" else (0, 0)
    return tuple(1 for _ in tree.args)


def _sign(bounds: tuple[float, float]) -> int:
    return 1 if bounds[0] >= 0 else -1 if bounds[1] <= 0 else 0


def effects(tree: Expression, features: Mapping[str, FormulaFeature], sign: int = 1) -> Iterator[tuple[int, int]]:
    """Yield the index of each constant (as `Expression.walk` counts) and whether the value grows with it: +1, -1, 0."""
    if tree.is_constant:
        yield 0, sign
        return
    index = 1
    for each, own in zip(tree.args, _signs(tree, features), strict=True):
        yield from ((index + inner, found) for inner, found in effects(each, features, sign * own))
        index += each.size
