"""Draws random, well-typed formulas: conditions that compare like with like, and numbers over few features."""

from __future__ import annotations

import random
from collections.abc import Sequence

from ....records.explorer import SignalSummary
from .expression import B, Expression, L, N, S, apply, constant
from .program import level
from .vocabulary import EVERY_ROUND, SCOPES, SIGNALS, forms_of

_RARE = {"rounds": 0.0, "running": 0.3, "first": 0.5, "answers": 0.5, "fickle": 0.5, "second": 0.5}
"""Weights of features other than 1: a condition on rounds alone depends on the lengths of a model."""
_SIGNAL_WEIGHT = 2.0
"""Weight of all forms of all signals together, in units of a feature: one signal or ten are tried as often."""

_TREND = 0.05
"""The share of the comparisons of a number that compare it with its own past."""


class Growth:
    """Draws formulas for one scope.

    Args:
        scope: the scope.
        signals: the signals that they may use.
        rng: the source of all chance.
    """

    def __init__(self, scope: str, signals: Sequence[SignalSummary], rng: random.Random) -> None:
        self.scope, self.signals, self.rng = scope, signals, rng
        self._features: dict[str, list[tuple[str, float]]] = {}
        for name, feature in SCOPES[scope].items():
            if name not in SIGNALS[scope]:
                self._features.setdefault(feature.type, []).append((name, _RARE.get(name, 1.0)))

    def grow(self, type: str, levels: int = 3) -> Expression:
        """Return a random formula of ``type`` with at most ``levels`` levels below its comparisons."""
        if type == B:
            return self._condition(levels)
        if levels <= 0 or self.rng.random() < 0.4:
            return self._leaf(type)
        return self._number(type, levels - 1)

    def _condition(self, levels: int) -> Expression:
        draw = self.rng.random()
        if levels > 1 and draw < 0.35:
            return apply(
                self.rng.choice(("and", "and", "or")), self._condition(levels - 1), self._condition(levels - 1)
            )
        if draw < 0.45 and self._features.get(B):
            return Expression(self._name(B), B)
        return self.compare(levels - 1)

    def compare(self, levels: int = 0) -> Expression:
        """Return a comparison of a feature with a constant of its unit, or with a formula of few levels."""
        type = self.rng.choice(self._comparable())
        one = self.leaf(type)
        if type != L and self.scope in EVERY_ROUND and self.rng.random() < _TREND:
            return self.trend(one, self.rng.random() < 0.5)
        if type == L:
            two = (
                apply("mul", self.constant(S), Expression("typical", L))
                if "typical" in SCOPES[self.scope]
                else self.grow(L, 1)
            )
        else:
            two = self.grow(type, levels) if levels > 0 and self.rng.random() < 0.3 else self.constant_near(one)
        return apply("ge", *((one, two) if self.rng.random() < 0.5 or type == L else (two, one)))

    def trend(self, one: Expression, falling: bool) -> Expression:
        """Return the condition that a number does not fall (with some slack), or that it rises; or the contrary.

        Args:
            one: a number that is no length, of the episode or of a branch.
            falling: whether a fall is ruled out.
        """
        if self.rng.random() < 0.5:
            now, past = one, self.smoothed(one)
        else:
            least = self.rng.choice((-1, 1)) * 10 ** self.rng.uniform(-2, -0.5)
            now = apply("rise", one, self.constant(N))
            past = constant(one.type, least * (10 if one.type == N else 1))
        return apply("ge", *((now, past) if falling else (past, now)))

    def smoothed(self, one: Expression) -> Expression:
        """Return the moving average of a number over the rounds, with a random weight."""
        return apply("average", one, constant(S, self.rng.uniform(0.05, 0.6)))

    def _comparable(self) -> list[str]:
        types = [type for type in (N, S, L) if self._features.get(type) or (type == S and self.signals)]
        return types if "typical" in SCOPES[self.scope] else [type for type in types if type != L]

    def _number(self, type: str, levels: int) -> Expression:
        draw = self.rng.random()
        if draw < 0.45:
            return apply("mul", self.grow(S, levels), self.grow(type, levels))
        if draw < 0.7:
            return apply(self.rng.choice(("add", "sub")), self.grow(type, levels), self.grow(type, levels))
        if draw < 0.8:
            return apply(self.rng.choice(("min", "max")), self.grow(type, levels), self.grow(type, levels))
        if draw < 0.87:
            return apply("pick", self.compare(), self.grow(type, levels), self.grow(type, levels))
        if type == S:
            if draw < 0.92:
                return apply("pow", self.grow(S, levels), self.constant(S))
            if draw < 0.96:
                return apply("exp", apply("mul", self.constant(S), self.leaf(S)))
            ratio = self.rng.choice([kind for kind in (N, L) if self._features.get(kind)])
            return apply("div", self.leaf(ratio), self.leaf(ratio))
        if type == N and draw < 0.9 and self.scope in EVERY_ROUND:
            return apply("average", self.leaf(N), self.constant(S))
        return self._leaf(type)

    def _leaf(self, type: str) -> Expression:
        return self.constant(type) if type != L and self.rng.random() < 0.35 else self.leaf(type)

    def leaf(self, type: str) -> Expression:
        """Return a feature of ``type``; a constant if the scope has none."""
        forms = [(form, each) for each in self.signals for form in forms_of(self.scope, each)] if type == S else []
        known = sum(weight for _, weight in self._features.get(type, ()))
        if forms and self.rng.random() * (known + _SIGNAL_WEIGHT) >= known:
            return level(*self.rng.choice(forms))
        return Expression(self._name(type), type) if known else self.constant(type)

    def _name(self, type: str) -> str:
        names, weights = zip(*self._features[type], strict=True)
        drawn: str = self.rng.choices(names, weights)[0]
        return drawn

    def constant(self, type: str) -> Expression:
        """Return a random constant that is the same for all betas, or that differs by a factor between them."""
        value = self.rng.uniform(0.2, 2.0) if type == S else 2.0 ** self.rng.uniform(0, 4)
        factor = 2.0 ** self.rng.uniform(-2, 2) if self.rng.random() < 0.5 else 1.0
        return constant(type, value / factor**0.5, value * factor**0.5)

    def constant_near(self, one: Expression) -> Expression:
        """Return a constant that ``one`` may well be compared with."""
        if one.op in ("level", "lead_level", "mean"):
            value = self.rng.uniform(-1.5, 1.5)
            return constant(S, value, value + self.rng.uniform(-1, 1))
        if one.op in ("doubt", "chance", "poll_doubt"):
            value = 10 ** self.rng.uniform(-2.5, -0.4)
            return constant(S, value * 3**0.5, value / self.rng.choice((1, 3, 10)))
        if one.type == S:
            value = self.rng.uniform(0.1, 0.9)
            return constant(S, value, self.rng.uniform(0.1, 0.9))
        return self.constant(one.type)
