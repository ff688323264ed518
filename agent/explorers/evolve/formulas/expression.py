"""Typed expressions: the trees that formulas are made of, and their plain form as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..genome import Span

N, L, S, B = "N", "L", "S", "B"
"""Types: a number of branches or votes, a length in intervals, a pure number, and a condition."""

OPERATIONS: dict[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "add": ((N, (N, N)), (L, (L, L)), (S, (S, S))),
    "sub": ((N, (N, N)), (L, (L, L)), (S, (S, S))),
    "mul": ((S, (S, S)), (N, (S, N)), (L, (S, L))),
    "div": ((S, (N, N)), (S, (L, L)), (S, (S, S))),
    "min": ((N, (N, N)), (L, (L, L)), (S, (S, S))),
    "max": ((N, (N, N)), (L, (L, L)), (S, (S, S))),
    "pow": ((S, (S, S)),),
    "exp": ((S, (S,)),),
    "pick": ((N, (B, N, N)), (L, (B, L, L)), (S, (B, S, S))),
    "average": ((N, (N, S)), (S, (S, S))),
    "rise": ((N, (N, N)), (S, (S, N))),
    "ge": ((B, (N, N)), (B, (L, L)), (B, (S, S))),
    "and": ((B, (B, B)),),
    "or": ((B, (B, B)),),
    "not": ((B, (B,)),),
}
"""Each operation with its signatures: the type of the result, and those of the arguments.

`pick` is "if, then, else"; `average(x, w)` is an exponential moving average over the rounds in which x has the weight
w; `rise(x, n)` is x less its value n - 1 rounds ago. A power of a negative number, and a division by nearly 0, are
those of the nearest number that is allowed.
"""
COMMUTATIVE = ("add", "min", "max", "and", "or")
RECALLING = ("average", "rise")
"""Operations with a state, which changes every round."""

MOST_NODES, MOST_DEPTH = 40, 9
"""Bounds of one formula."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A node of a formula, with the nodes below it.

    Attributes:
        op: an operation of `OPERATIONS`, the name of a feature, "c" for a constant, "signal", or "true" or "false".
        type: the type of the value.
        args: the arguments of an operation.
        span: the values of a constant at beta = 0 and beta = 1; centre and scale of a signal.
        name: the name of a signal.
    """

    op: str
    type: str
    args: tuple[Expression, ...] = ()
    span: Span = (0.0, 0.0)
    name: str = ""

    def walk(self) -> Iterator[Expression]:
        """Yield this node and all below it, in the order in which they are written."""
        yield self
        for each in self.args:
            yield from each.walk()

    @property
    def size(self) -> int:
        """Number of nodes."""
        return sum(1 for _ in self.walk())

    @property
    def depth(self) -> int:
        """Levels of nodes."""
        return 1 + max((each.depth for each in self.args), default=0)

    @property
    def is_constant(self) -> bool:
        """Whether this is a constant."""
        return self.op == "c"

    def to_json(self) -> list[Any]:
        """Return the expression as plain JSON."""
        if self.is_constant:
            return ["c", self.type, *self.span]
        if self.op in OPERATIONS:
            return [self.op, *(each.to_json() for each in self.args)]
        return [self.op, self.name, *self.span] if self.name else [self.op]


TRUE, FALSE = Expression("true", B), Expression("false", B)


def constant(type: str, lo: float, hi: float | None = None) -> Expression:
    """Return a constant with three significant digits, as a person would write it; one value holds for all betas."""
    return Expression("c", type, (), (rounded(lo), rounded(lo if hi is None else hi)))


def rounded(value: float) -> float:
    """Return ``value`` with at most two significant digits (three from 100 on)."""
    return float(f"{value:.3g}") if abs(value) >= 100 else float(f"{value:.2g}") + 0.0


def apply(op: str, *args: Expression) -> Expression:
    """Return an operation on ``args``.

    Raises:
        ValueError: the operation takes no arguments of these types.
    """
    types = tuple(each.type for each in args)
    for result, wanted in OPERATIONS.get(op, ()):
        if wanted == types:
            return Expression(op, result, args)
    raise ValueError(f"the operation {op!r} takes no {', '.join(types) or 'nothing'}")


def read_expression(document: object, types: Mapping[str, str], signal_forms: frozenset[str]) -> Expression:
    """Return the expression that `Expression.to_json` wrote.

    Args:
        document: plain JSON.
        types: the type of each feature.
        signal_forms: the features that name a signal.

    Raises:
        ValueError: the document is not an expression over these features, or is too large.
    """
    made = _read(document, types, signal_forms, MOST_DEPTH)
    if made.size > MOST_NODES:
        raise ValueError(f"a formula has at most {MOST_NODES} nodes")
    return made


def _read(document: object, types: Mapping[str, str], signal_forms: frozenset[str], levels: int) -> Expression:
    if levels == 0 or not isinstance(document, list) or not document or not isinstance(document[0], str):
        raise ValueError("a formula is a list that begins with a name, in at most a few levels")
    op, *rest = document
    if op == "c":
        if len(rest) == 3 and rest[0] in (N, L, S) and all(map(_is_number, rest[1:])):
            return Expression("c", rest[0], (), (rest[1], rest[2]))
    elif op in OPERATIONS:
        return apply(op, *(_read(each, types, signal_forms, levels - 1) for each in rest))
    elif op in ("true", "false") and not rest:
        return TRUE if op == "true" else FALSE
    elif op in signal_forms:
        if len(rest) == 3 and isinstance(rest[0], str) and rest[0] and all(map(_is_number, rest[1:])) and rest[2] > 0:
            return Expression(op, types[op], (), (rest[1], rest[2]), rest[0])
    elif op in types and not rest:
        return Expression(op, types[op])
    raise ValueError(f"a formula has no {str(document)[:60]!r} here")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def replaced(tree: Expression, index: int, new: Expression) -> Expression:
    """Return ``tree`` with the node at ``index`` (in the order of `Expression.walk`) replaced by ``new``."""
    if index == 0:
        return new
    index -= 1
    args = list(tree.args)
    for position, each in enumerate(args):
        if index < each.size:
            args[position] = replaced(each, index, new)
            return Expression(tree.op, tree.type, tuple(args), tree.span, tree.name)
        index -= each.size
    raise IndexError("no such node")


def scopes_of(tree: Expression) -> set[str]:
    """Return the names of all features in ``tree``."""
    return {node.op for node in tree.walk() if node.op not in OPERATIONS and node.op not in ("c", "true", "false")}
