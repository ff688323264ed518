"""A program: one formula for each slot of the frame. It is the genome of the search by formulas."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ....records.explorer import SignalSummary
from ..genome import Span
from .expression import (
    FALSE,
    MOST_DEPTH,
    MOST_NODES,
    RECALLING,
    B,
    Expression,
    L,
    N,
    S,
    constant,
    read_expression,
    rounded,
)
from .polarity import directed
from .simplify import simplified
from .vocabulary import EVERY_ROUND, PLAIN, SCOPES, SIGNAL_FORMS, SLOTS, types_of

DEFAULTS: dict[str, Expression] = {
    "most": constant(N, 4, 64),
    "open": constant(N, 2),
    "advance": constant(N, 1),
    "stop": Expression("ge", B, (constant(S, 0.2, 0.01), Expression("doubt", S))),
    "typical": constant(S, 0.5),
    "prune": FALSE,
    "given_up": constant(S, 0),
    "weight": constant(S, 1),
    "tally": Expression("votes", N),
}
"""The formula of each slot from which a search starts without hand-set starts: two branches at a time, until the
votes leave little doubt; every vote counts the same, and nothing is pruned."""
BOUNDS: dict[str, Span] = {N: (-512, 512), S: (-9, 9), L: (0, 1000)}
"""The range of a constant of each type."""


@dataclass(frozen=True)
class Program:
    """A simplified formula for every slot of `SLOTS`. Build one with `make`."""

    formulas: Mapping[str, Expression]

    @classmethod
    def make(cls, formulas: Mapping[str, Expression]) -> Program:
        """Return a valid program: defaults for missing slots, formulas simplified, constants within their ranges.

        Raises:
            ValueError: a slot is unknown, or its formula has another type, unknown features, or too many nodes.
        """
        made = {}
        for slot in formulas:
            if slot not in SLOTS:
                raise ValueError(f"a program has no slot {slot!r}")
        for slot, rules in SLOTS.items():
            tree = formulas.get(slot, DEFAULTS[slot])
            if tree.type != rules.type:
                raise ValueError(f"the formula of {slot} has the type {tree.type}, but must have {rules.type}")
            features = SCOPES[rules.scope]
            tree = directed(simplified(_tidy(tree), features), rules.direction, features)
            if tree.is_constant and tree.type in (N, S):
                tree = _within(tree, slot)
            elif slot in PLAIN:
                raise ValueError(f"{slot} must be a constant")
            if rules.scope not in EVERY_ROUND and any(node.op in RECALLING for node in tree.walk()):
                raise ValueError(f"the formula of {slot} cannot have an average")
            if tree.size > MOST_NODES or tree.depth > MOST_DEPTH:
                raise ValueError(f"the formula of {slot} is too large")
            made[slot] = tree
        if made["weight"].is_constant:
            made["weight"] = DEFAULTS["weight"]  # equal votes
        if made["prune"] == FALSE:
            made["given_up"] = DEFAULTS["given_up"]
        if not any(node.op == "typical" for tree in made.values() for node in tree.walk()):
            made["typical"] = DEFAULTS["typical"]
        return cls(made)

    def with_formulas(self, **formulas: Expression) -> Program:
        """Return this program with other formulas."""
        return Program.make({**self.formulas, **formulas})

    @property
    def signals(self) -> tuple[str, ...]:
        """The names of the signals that it uses, sorted."""
        return tuple(sorted({node.name for tree in self.formulas.values() for node in tree.walk() if node.name}))

    @property
    def size(self) -> int:
        """Number of nodes of all formulas."""
        return sum(tree.size for tree in self.formulas.values())

    @cached_property
    def key(self) -> str:
        """A key that equal programs share."""
        return json.dumps(self.to_json())

    def to_json(self) -> dict[str, Any]:
        """Return the program as plain JSON; formulas that are the default are left out."""
        return {slot: tree.to_json() for slot, tree in self.formulas.items() if tree != DEFAULTS[slot]}

    @classmethod
    def from_json(cls, document: object) -> Program:
        """Return the program that `to_json` wrote.

        Raises:
            ValueError: the document is not a program; the message says why.
        """
        if not isinstance(document, Mapping):
            raise ValueError("a program is an object with a formula for each slot")
        formulas = {}
        for slot, formula in document.items():
            if slot not in SLOTS:
                raise ValueError(f"a program has no slot {str(slot)[:60]!r}")
            formulas[slot] = read_expression(formula, types_of(SLOTS[slot].scope), SIGNAL_FORMS)
        return cls.make(formulas)


def _tidy(tree: Expression) -> Expression:
    """Return ``tree`` with constants within their ranges, with two significant digits."""
    if tree.is_constant:
        low, high = BOUNDS[tree.type]
        lo, hi = (rounded(min(max(end, low), high)) for end in tree.span)
        return Expression("c", tree.type, (), (lo, hi))
    return Expression(tree.op, tree.type, tuple(map(_tidy, tree.args)), tree.span, tree.name)


def _within(tree: Expression, slot: str) -> Expression:
    """Return a slot's constant within the slot's range; a number of branches is whole."""
    rules = SLOTS[slot]
    lo, hi = (min(max(end, rules.low), rules.high) for end in tree.span)
    return Expression("c", tree.type, (), (float(round(lo)), float(round(hi))) if rules.type == N else (lo, hi))


def is_geometric(span: Span) -> bool:
    """Return whether a constant grows by a factor rather than by a sum: if one end is 6.5 times the other."""
    return min(span) > 0 and max(span) / min(span) > 6.5


def value_of(span: Span, beta: float) -> float:
    """Return a constant at ``beta``, as the written schedule computes it."""
    lo, hi = span
    return lo * float(f"{hi / lo:.4g}") ** beta if is_geometric(span) else lo + float(f"{hi - lo:.4g}") * beta


def level(form: str, signal: SignalSummary) -> Expression:
    """Return the feature ``form`` of ``signal``."""
    return Expression(form, S, (), (signal.centre, signal.scale), signal.name)


def middle(span: Span) -> float:
    """Return the middle of a constant's ends: the geometric one if it grows by a factor."""
    return math.sqrt(span[0] * span[1]) if is_geometric(span) else (span[0] + span[1]) / 2
