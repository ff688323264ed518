"""Turns a formula into what it says: a quantity, a set, an interval, an equation, or words."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from .evaluation import evaluate, has_letters, points
from .quantity import Quantity, compound, proportion_marks, proportional, same_quantity
from .tree import Node, Unreadable, negative
from .units import Unit, read_unit

_FLIPPED = {"<": ">", ">": "<", "<=": ">=", ">=": "<=", "=": "=", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Collection:
    """A set, a list, a union of intervals, a tuple, an interval, or a matrix."""

    kind: str
    """``set``, in which the order does not count; the brackets of a tuple or an interval; or the form of a matrix."""
    items: tuple[Reading, ...]
    label: str | None = None


@dataclass(frozen=True, slots=True)
class Relation:
    """An equation or an inequality, with 0 on its right side."""

    sign: str
    """``=``, ``!=``, ``<`` or ``<=``."""
    residual: tuple[complex, ...]
    """The left side at the sample points."""


@dataclass(frozen=True, slots=True)
class Words:
    """An answer in words."""

    text: str


@dataclass(frozen=True, slots=True)
class LibraryObject:
    """A formula that only the library can read, and that is no expression."""

    text: str


Reading = Quantity | Collection | Relation | Words | LibraryObject


def marks(reading: Reading) -> set[Hashable]:
    """Return marks of a reading: readings of the same answer share one."""
    if isinstance(reading, Quantity):
        return reading.marks()
    if isinstance(reading, Relation):
        return set(proportion_marks(reading.residual))
    if isinstance(reading, Collection):
        return _collection_marks(reading)
    return {("words", reading.text)} if isinstance(reading, Words) else {"library"}


def _collection_marks(reading: Collection) -> set[Hashable]:
    kind, items = (reading.kind, len(reading.items)), reading.items
    if not items:
        return {kind}
    if reading.kind == "set":
        return {(kind, mark) for item in items for mark in marks(item)}
    return {(kind, first, last) for first in marks(items[0]) for last in marks(items[-1])}


def same_reading(first: Reading, second: Reading) -> bool:
    """Return whether two readings are the same answer. Objects of the library are not compared here."""
    if isinstance(first, Quantity) and isinstance(second, Quantity):
        return same_quantity(first, second)
    if isinstance(first, Collection) and isinstance(second, Collection):
        if first.label is not None and second.label is not None and first.label != second.label:
            return False
        return first.kind == second.kind and _same_items(first.items, second.items, ordered=first.kind != "set")
    if isinstance(first, Relation) and isinstance(second, Relation):
        positive = first.sign in ("<", "<=")
        return first.sign == second.sign and proportional(first.residual, second.residual, positive)
    for one, other in ((first, second), (second, first)):
        if isinstance(one, Relation) and isinstance(other, Quantity):
            return one.sign == "=" and proportional(one.residual, other.residual)
    return first == second


def _same_items(first: Sequence[Reading], second: Sequence[Reading], ordered: bool) -> bool:
    if len(first) != len(second):
        return False
    if ordered:
        return all(map(same_reading, first, second))
    left = list(second)
    for item in first:
        found = next((place for place, other in enumerate(left) if same_reading(item, other)), None)
        if found is None:
            return False
        del left[found]
    return True


def read_tree(node: Node) -> Reading:
    """Return what a formula says.

    Raises:
        Unreadable: it says nothing that can be compared here.
    """
    kind, parts = node.kind, node.parts
    if kind == "list":
        return _list(node)
    if kind == "set":
        return _collected(_each(parts))
    if kind == "union":
        return _collected([item for part in parts for item in _elements(read_tree(part))])
    if kind in ("tuple", "matrix"):
        return Collection(node.text, tuple(map(read_tree, parts)))
    if kind == "member":
        return _labelled(parts[0], read_tree(parts[1]))
    if kind == "relation":
        return _relation(node)
    alternatives = _without_plus_minus(node)
    if len(alternatives) > 1:
        return _collected([read_tree(each) for each in alternatives])
    inner, unit = _unit(node)
    return evaluate(inner) if unit is None else replace(evaluate(inner), unit=unit)


def _unit(node: Node) -> tuple[Node, Unit | None]:
    """Return a formula without the unit at its top, and the unit."""
    if node.kind == "quantity":
        inner, _ = _unit(node.parts[0])
        return inner, read_unit(node.text)
    if node.kind == "based":
        return node.parts[0], Unit(f"base {node.text}")
    if node.kind == "multiply" and node.parts[0].value == -1:
        inner, unit = _unit(node.parts[1])
        return negative(inner), unit
    return node, None


def _each(nodes: Sequence[Node]) -> list[Reading]:
    return [read_tree(alternative) for node in nodes for alternative in _without_plus_minus(node)]


def _without_plus_minus(node: Node) -> list[Node]:
    """Return the formula with plus, and the one with minus, if it contains a plus-minus sign."""
    if not _has_plus_minus(node):
        return [node]
    return [_signed(node, minus) for minus in (False, True)]


def _has_plus_minus(node: Node) -> bool:
    return node.kind == "plus or minus" or any(map(_has_plus_minus, node.parts))


def _signed(node: Node, minus: bool) -> Node:
    parts = tuple(_signed(part, minus) for part in node.parts)
    if node.kind == "plus or minus":
        return negative(parts[0]) if minus == (node.text == "pm") else parts[0]
    return replace(node, parts=parts)


def _collected(items: Sequence[Reading]) -> Reading:
    """Return a set of items, or the item if it is the only one."""
    different: list[Reading] = []
    for item in items:
        if not any(same_reading(item, other) for other in different):
            different.append(item)
    return different[0] if len(different) == 1 else Collection("set", tuple(different))


def _elements(reading: Reading) -> Sequence[Reading]:
    return reading.items if isinstance(reading, Collection) and reading.kind == "set" else (reading,)


def _list(node: Node) -> Reading:
    inequalities = [part.kind == "relation" and part.text != "=" for part in node.parts]
    if any(inequalities) and node.text != "or":
        raise Unreadable  # all of them hold at once
    items = [element for part in node.parts for element in _elements(read_tree(part))]
    quantities = [item for item in items if isinstance(item, Quantity)]
    if len(quantities) == len(items) == 2 and (total := compound(*quantities)) is not None:
        return total
    return _collected(items)


def _labelled(letter: Node, reading: Reading) -> Reading:
    """Return what is said of a letter, or of a tuple of letters."""
    letters = letter.parts if letter.kind == "tuple" else (letter,)
    if any(each.kind != "letter" for each in letters):
        raise Unreadable
    label = ", ".join(each.text for each in letters)
    return replace(reading, label=label) if isinstance(reading, Collection) else reading


def _relation(node: Node) -> Reading:
    signs, parts = node.text.split(), node.parts
    if any(part.kind in ("tuple", "set", "union", "matrix") for part in parts):
        return _assignment(node)
    if set(signs) == {"="}:
        return _equation(parts[0], parts[-1]) if len(parts) == 2 or parts[0].kind == "letter" else read_tree(parts[-1])
    if len(signs) == 1:
        return _inequality(parts[0], signs[0], parts[1])
    rising = set(signs) <= {"<", "<="}
    if len(signs) != 2 or not (rising or set(signs) <= {">", ">="}) or parts[1].kind != "letter":
        raise Unreadable
    (low, low_sign), (high, high_sign) = ((parts[0], signs[0]), (parts[2], signs[1]))[:: 1 if rising else -1]
    return _interval(parts[1], low, "=" in low_sign, high, "=" in high_sign)


def _assignment(node: Node) -> Reading:
    if node.text != "=":
        raise Unreadable
    return _labelled(node.parts[0], read_tree(node.parts[1]))


def _equation(left: Node, right: Node) -> Reading:
    if right.kind == "letter" and left.kind != "letter":
        left, right = right, left
    if left.kind == "letter" and left not in _letters(right):
        values = [
            replace(evaluate(inner), unit=unit, label=left.text, residual=_difference(left, inner))
            for inner, unit in map(_unit, _without_plus_minus(right))
        ]
        return values[0] if len(values) == 1 else Collection("set", tuple(values))
    if not has_letters(left) and not has_letters(right):
        return read_tree(right)
    return Relation("=", _difference(left, right))


def _letters(node: Node) -> set[Node]:
    return {node} if node.kind == "letter" else {letter for part in node.parts for letter in _letters(part)}


def _difference(left: Node, right: Node) -> tuple[complex, ...]:
    return tuple(one - other for one, other in zip(points(left), points(right), strict=True))


def _inequality(left: Node, sign: str, right: Node) -> Reading:
    if left.kind != "letter" and right.kind == "letter":
        left, sign, right = right, _FLIPPED[sign], left
    infinity = Node("constant", text="infinity")
    if left.kind == "function" and left.text == "abs" and left.parts[0].kind == "letter" and not has_letters(right):
        return _distance(left.parts[0], sign, right)
    if left.kind == "letter" and not has_letters(right) and sign != "!=":
        if sign.startswith("<"):
            return _interval(left, negative(infinity), False, right, "=" in sign)
        return _interval(left, right, "=" in sign, infinity, False)
    if sign.startswith(">"):
        left, sign, right = right, _FLIPPED[sign], left
    return Relation(sign, _difference(left, right))


def _distance(letter: Node, sign: str, bound: Node) -> Reading:
    """Return the interval of ``|x| < bound``, or the two of ``|x| > bound``."""
    if sign.startswith("<"):
        return _interval(letter, negative(bound), "=" in sign, bound, "=" in sign)
    if sign == "!=":
        raise Unreadable
    parts = [_inequality(letter, "<" + sign[1:], negative(bound)), _inequality(letter, sign, bound)]
    return _collected(parts)


def _interval(letter: Node, low: Node, low_closed: bool, high: Node, high_closed: bool) -> Reading:
    brackets = ("[" if low_closed else "(") + ("]" if high_closed else ")")
    return Collection(brackets, (read_tree(low), read_tree(high)), letter.text)
