"""Compares the predicted with the measured change of a candidate against its first parent."""

from __future__ import annotations

import math

from autotts.envs.statistics import Floats

from ..records.card import Card
from ..records.version import Expectation, Metric
from .pareto import quality

_SAME = 0.02
"""Relative change of tokens, latency or a finding below which the value counts as the same."""
_SAME_POINTS = 0.2
"""Change of quality or accuracy, in percentage points, below which the value counts as the same."""
_FEW = 10
"""A finding in fewer episodes than this, before and after, counts as the same."""
_POINTS = ("quality", "accuracy")
_MEANS = ("accuracy", "tokens", "latency")
_IN_TOKENS = ("idle_tokens", "hopeless")


def outcome(expects: tuple[Expectation, ...], child: Card, parent: Card, budgets: Floats) -> str:
    """Return a sentence with the prediction and the measured change; empty if child or parent has no scores.

    Quality is averaged over ``budgets``; accuracy, tokens and latency are averaged over the beta grid. The value of a
    finding is its wasted tokens for ``idle_tokens`` and ``hopeless``, and its number of episodes for all other kinds.
    The sentence always reports quality, accuracy and tokens, so that no cost is hidden.
    """
    if not child.mean_curve or not parent.mean_curve:
        return ""
    metrics: list[Metric] = [*(e.metric for e in expects), "quality", "accuracy", "tokens"]
    pairs = {metric: (_value(metric, child, budgets), _value(metric, parent, budgets)) for metric in metrics}
    few = {metric for metric in pairs if _episodes(metric, child) < _FEW and _episodes(metric, parent) < _FEW}
    seen = [_describe(metric, *pair, metric in few) for metric, pair in pairs.items()]
    if not expects:
        return f"against {parent.id}: {', '.join(seen)}"
    predicted = ", ".join(f"{e.direction} {e.metric}" for e in expects)
    came_true = sum(held(expects, child, parent, budgets))
    return f"predicted against {parent.id}: {predicted}; seen: {', '.join(seen)} ({came_true} of {len(expects)} held)"


def held(expects: tuple[Expectation, ...], child: Card, parent: Card, budgets: Floats) -> list[bool]:
    """Return, for each expectation, whether it came true; an empty list if child or parent has no scores."""
    if not child.mean_curve or not parent.mean_curve:
        return []
    results = []
    for each in expects:
        few = _episodes(each.metric, child) < _FEW and _episodes(each.metric, parent) < _FEW
        pair = _value(each.metric, child, budgets), _value(each.metric, parent, budgets)
        results.append(_direction(each.metric, *pair, few) == each.direction)
    return results


def _value(metric: Metric, card: Card, budgets: Floats) -> float:
    if metric == "quality":
        return quality(card, budgets)
    if metric in _MEANS:
        return float(sum(getattr(point, metric) for point in card.mean_curve)) / len(card.mean_curve)
    if metric in _IN_TOKENS:
        return float(sum(finding.tokens for finding in card.findings if finding.kind == metric))
    return _episodes(metric, card)


def _episodes(metric: Metric, card: Card) -> float:
    """Return the number of episodes with a finding; infinity if the metric is not a kind of finding."""
    if metric in (*_POINTS, *_MEANS):
        return math.inf
    return float(sum(finding.episodes for finding in card.findings if finding.kind == metric))


def _direction(metric: Metric, now: float, before: float, few: bool) -> str:
    close = _SAME_POINTS if metric in _POINTS else _SAME * max(before, 1.0)
    if few or abs(now - before) <= close:
        return "same"
    return "more" if now > before else "less"


def _describe(metric: Metric, now: float, before: float, few: bool) -> str:
    if metric in _POINTS:
        return f"{metric} {now - before:+.2f} points"
    if few:
        return f"hardly any {metric}"
    if before == 0:
        return f"{metric} {now:,.0f}, none before"
    return f"{metric} {100 * (now - before) / before:+.0f}%"
