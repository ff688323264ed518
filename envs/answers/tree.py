"""The tree of a formula."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


class Unreadable(Exception):
    """The text is no formula that this package can read or compute."""


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a formula."""

    kind: str
    parts: tuple[Node, ...] = ()
    text: str = ""
    """The name of a letter, a function or a unit; the operators of a relation; the brackets of a tuple."""
    value: Fraction = Fraction(0)
    step: Fraction = Fraction(0)
    """See `Quantity.step`."""


def number(value: Fraction | int, step: Fraction = Fraction(0)) -> Node:
    """Return the node of a number."""
    return Node("number", value=Fraction(value), step=step)


def negative(node: Node) -> Node:
    """Return the node of ``-node``."""
    return Node("multiply", (number(-1), node))


def is_proper_fraction(node: Node) -> bool:
    """Return whether the node is a fraction of two whole numbers, smaller than 1."""
    if node.kind != "divide" or any(part.kind != "number" or part.value.denominator != 1 for part in node.parts):
        return False
    return 0 < node.parts[0].value < node.parts[1].value
