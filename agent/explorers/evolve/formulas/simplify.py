"""Simplifies formulas: equal formulas get one form, and what never matters is left out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from .expression import COMMUTATIVE, FALSE, TRUE, B, Expression, N, S, apply, constant
from .vocabulary import FormulaFeature

Range = tuple[float, float]
_LARGE = 1e12
_EXPONENT = 9.0  # `exp` cuts off larger ones


def simplified(tree: Expression, features: Mapping[str, FormulaFeature]) -> Expression:
    """Return a formula with the value of ``tree`` (to the digits of its constants) that is never larger.

    Args:
        tree: a formula.
        features: the features of its scope, whose ranges decide conditions that always or never hold.
    """
    for _ in range(8):
        after = _simplified(tree, features)
        if after == tree:
            break
        tree = after
    return tree


def range_of(tree: Expression, features: Mapping[str, FormulaFeature]) -> Range:
    """Return bounds of the value of a number."""
    if tree.is_constant:
        return min(tree.span), max(tree.span)
    if tree.op in features:
        return features[tree.op].low, features[tree.op].high
    if tree.op == "div" and _is_share(tree.args[0], tree.args[1], features):
        return 0.0, 1.0
    ranges = [range_of(each, features) if each.type != B else (0.0, 1.0) for each in tree.args]
    return _RANGES[tree.op](*ranges) if tree.op in _RANGES else (-_LARGE, _LARGE)


def _is_share(one: Expression, two: Expression, features: Mapping[str, FormulaFeature]) -> bool:
    """Return whether ``one`` is a part of ``two``."""
    if (one.op, two.op) == ("kept", "showed"):
        return True
    if two.op != "add" or one not in two.args:
        return False
    return all(range_of(each, features)[0] >= 0 for each in two.args) and range_of(two, features)[0] > 0


def _product(one: Range, two: Range) -> Range:
    ends = [x * y for x in one for y in two]
    return max(-_LARGE, min(ends)), min(_LARGE, max(ends))


def _quotient(one: Range, two: Range) -> Range:
    return _product(one, (1 / two[1], 1 / two[0])) if two[0] > 0 else (-_LARGE, _LARGE)


def _power(base: Range, exponent: Range) -> Range:
    if base[0] < 0 or exponent[0] < -8 or exponent[1] > 8:
        return 0.0, _LARGE
    ends = [min(_LARGE, max(x, 1e-3) ** y) for x in base for y in exponent]
    return min(ends) if base[0] >= 1e-3 else 0.0, max(ends)


def _exponential(power: float) -> float:
    return math.exp(max(-_EXPONENT, min(_EXPONENT, power)))


_RANGES: dict[str, Callable[..., Range]] = {
    "add": lambda a, b: (a[0] + b[0], a[1] + b[1]),
    "sub": lambda a, b: (a[0] - b[1], a[1] - b[0]),
    "mul": _product,
    "div": _quotient,
    "min": lambda a, b: (min(a[0], b[0]), min(a[1], b[1])),
    "max": lambda a, b: (max(a[0], b[0]), max(a[1], b[1])),
    "pow": _power,
    "exp": lambda a: (_exponential(a[0]), _exponential(a[1])),
    "pick": lambda _, a, b: (min(a[0], b[0]), max(a[1], b[1])),
    "average": lambda a, _: (min(0.0, a[0]), max(0.0, a[1])),
    "rise": lambda a, _: (min(0.0, a[0] - a[1]), max(0.0, a[1] - a[0])),
}


def _simplified(tree: Expression, features: Mapping[str, FormulaFeature]) -> Expression:
    if not tree.args:
        return TRUE if tree.op == "true" else tree
    args = [_simplified(each, features) for each in tree.args]
    if tree.op in COMMUTATIVE:
        args.sort(key=_order)
    if tree.op == "mul" and args[0].type == args[1].type:
        args.sort(key=lambda each: (not each.is_constant, _order(each)))  # 2 * x, as a person would write it
    made = apply(tree.op, *args)
    if tree.type == B:
        return _condition(made, features)
    return _number(made, features)


def _order(tree: Expression) -> tuple[bool, str]:
    """Constants come last; otherwise any fixed order will do."""
    return tree.is_constant, str(tree.to_json())


def _condition(tree: Expression, features: Mapping[str, FormulaFeature]) -> Expression:
    if tree.op == "ge":
        return _comparison(tree.args[0], tree.args[1], features)
    if tree.op == "not":
        (inner,) = tree.args
        if inner in (TRUE, FALSE):
            return FALSE if inner == TRUE else TRUE
        return inner.args[0] if inner.op == "not" else tree
    one, two = tree.args
    neutral, absorbing = (TRUE, FALSE) if tree.op == "and" else (FALSE, TRUE)
    if absorbing in (one, two):
        return absorbing
    if one in (neutral, two):
        return two
    if two == neutral:
        return one
    for inner, other in ((one, two), (two, one)):
        if inner.op in ("and", "or") and other in inner.args:  # a and (a and b), a and (a or b)
            return inner if inner.op == tree.op else other
    return tree


def _comparison(one: Expression, two: Expression, features: Mapping[str, FormulaFeature]) -> Expression:
    if one == two:
        return TRUE
    (low, high), (least, most) = range_of(one, features), range_of(two, features)
    if low >= most:
        return TRUE
    if high < least:
        return FALSE
    for each, other, below in ((one, two, TRUE), (two, one, FALSE)):  # x >= c * x
        if (
            other.op == "mul"
            and other.args[0].is_constant
            and other.args[1] == each
            and range_of(each, features)[0] > 0
        ):
            if max(other.args[0].span) < 1:
                return below
            if min(other.args[0].span) > 1:
                return FALSE if below == TRUE else TRUE
    if one.op == "div" and range_of(one.args[1], features)[0] > 0 and two.type == S:
        above, below = one.args
        return apply("ge", above, apply("mul", two, below))
    if two.op == "div" and range_of(two.args[1], features)[0] > 0 and one.type == S:
        above, below = two.args
        return apply("ge", apply("mul", one, below), above)
    if one.op == "sub" and two.is_constant and two.span == (0.0, 0.0):  # a - b >= 0
        return apply("ge", *one.args)
    for each, other, flip in ((one, two, False), (two, one, True)):  # c * x >= d becomes x >= d / c
        if each.op == "mul" and each.args[0].is_constant and other.is_constant and min(each.args[0].span) > 0.01:
            ends = [x / y for x, y in zip(other.span, each.args[0].span, strict=True)]
            bound = constant(each.args[1].type, *ends)
            return apply("ge", bound, each.args[1]) if flip else apply("ge", each.args[1], bound)
    return apply("ge", one, two)


def _folded(tree: Expression) -> Expression | None:
    """Return the value of an operation on constants."""
    if tree.op not in _FOLDS or not all(each.is_constant for each in tree.args):
        return None
    ends = [_FOLDS[tree.op](*values) for values in zip(*(each.span for each in tree.args), strict=True)]
    return constant(tree.type, *ends) if all(abs(end) < _LARGE for end in ends) else None


_FOLDS: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b if b > 0.01 else math.inf,
    "min": min,
    "max": max,
    "pow": lambda a, b: min(1e9, max(1e-3, a)) ** max(-8.0, min(8.0, b)),
    "exp": _exponential,
}


def _number(tree: Expression, features: Mapping[str, FormulaFeature]) -> Expression:
    folded = _folded(tree)
    if folded is not None:
        return folded
    op, args = tree.op, tree.args
    one, two = args[0], args[-1]
    if op == "pick":
        condition, yes, no = args
        return yes if condition == TRUE or yes == no else no if condition == FALSE else tree
    if op in ("add", "sub") and two.is_constant and two.span == (0.0, 0.0):
        return one
    if op in ("div", "pow") and two.is_constant and two.span == (1.0, 1.0) and one.type == S:
        return one
    if op == "mul" and one.is_constant and one.span == (1.0, 1.0):
        return two
    if op == "pow" and two.is_constant and two.span == (0.0, 0.0):
        return constant(S, 1)
    if op in ("min", "max"):
        if one == two:
            return one
        a, b = range_of(one, features), range_of(two, features)
        if a[1] <= b[0]:
            return one if op == "min" else two
        if b[1] <= a[0]:
            return two if op == "min" else one
    if op == "sub" and one == two and tree.type in (N, S):
        return constant(tree.type, 0)
    if op == "div" and one == two and range_of(two, features)[0] > 0:
        return constant(S, 1)
    if op == "add" and two.is_constant and one.op == "add" and one.args[1].is_constant:  # (x + c) + d
        return apply("add", one.args[0], _sum(one.args[1], two))
    if op == "mul" and one.is_constant and two.op == "mul" and two.args[0].is_constant:  # c * (d * x)
        return apply("mul", _times(one, two.args[0]), two.args[1])
    if op == "add" and (factors := _factors(one, two)) is not None:  # c * x + d * x
        return apply("mul", factors, one.args[1])
    if op == "mul" and one.op == two.op == "exp":  # exp(x) * exp(y)
        powers = (*one.args, *two.args, _number(apply("add", *one.args, *two.args), features))
        if all(_is_exact(range_of(each, features)) for each in powers):
            return apply("exp", powers[-1])
    if op == "average" and one.op == "average":
        return one
    if op == "rise" and (one.is_constant or range_of(two, features)[1] < 1.5):  # the rise within one round
        return constant(tree.type, 0)
    return tree


def _factors(one: Expression, two: Expression) -> Expression | None:
    """Return the sum of the constants of two terms that are multiples of the same thing; None if they are not."""
    if one.op != "mul" or two.op != "mul" or one.args[1] != two.args[1]:
        return None
    c, d = one.args[0], two.args[0]
    return _sum(c, d) if c.is_constant and d.is_constant and c.type == d.type else None


def _is_exact(power: Range) -> bool:
    """Return whether the exponential of no number in this range is cut off."""
    return max(map(abs, power)) <= _EXPONENT


def _sum(one: Expression, two: Expression) -> Expression:
    return constant(one.type, *(x + y for x, y in zip(one.span, two.span, strict=True)))


def _times(one: Expression, two: Expression) -> Expression:
    return constant(one.type, *(x * y for x, y in zip(one.span, two.span, strict=True)))
