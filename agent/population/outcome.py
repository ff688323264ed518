"""What a candidate was expected to change against its first parent, and what it did change."""

from __future__ import annotations

import math

from envs.statistics import Floats

from ..records.card import Card
from ..records.version import Expectation, Metric
from .pareto import quality

_SAME = 0.02
"""A relative change below which tokens, latency or a finding are the same."""
_SAME_POINTS = 0.2
"""A change of quality or accuracy, in points of per cent, below which it is the same."""
_FEW = 10
"""Episodes: a finding that shows in fewer of them, before and after, is the same."""
_POINTS = ("quality", "accuracy")
_MEANS = ("accuracy", "tokens", "latency")
_IN_TOKENS = ("idle_tokens", "hopeless")


def outcome(expects: tuple[Expectation, ...], child: Card, parent: Card, budgets: Floats) -> str:
    """Return in a sentence what was predicted and what was seen; nothing if one of the two has no scores.

    Quality is taken over ``budgets``; accuracy, tokens and latency are means over the beta grid. A finding's figure is
    the tokens that it cost, for ``idle_tokens`` and ``hopeless``, and the episodes in which it shows for the others.
    What was not predicted is told too of quality, accuracy and tokens, so that no price goes unseen.
    """
    if not child.mean_curve or not parent.mean_curve:
        return ""
    pairs = {metric: (_figure(metric, child, budgets), _figure(metric, parent, budgets)) for metric in _told(expects)}
    few = {metric for metric in pairs if _episodes(metric, child) < _FEW and _episodes(metric, parent) < _FEW}
    seen = [_words(metric, *pair, metric in few) for metric, pair in pairs.items()]
    if not expects:
        return f"against {parent.id}: {', '.join(seen)}"
    predicted = ", ".join(f"{e.direction} {e.metric}" for e in expects)
    came_true = sum(held(expects, child, parent, budgets))
    return f"predicted against {parent.id}: {predicted}; seen: {', '.join(seen)} ({came_true} of {len(expects)} held)"


def held(expects: tuple[Expectation, ...], child: Card, parent: Card, budgets: Floats) -> list[bool]:
    """Return for each expectation whether it came true; nothing if one of the two has no scores."""
    if not child.mean_curve or not parent.mean_curve:
        return []
    found = []
    for each in expects:
        few = _episodes(each.metric, child) < _FEW and _episodes(each.metric, parent) < _FEW
        pair = _figure(each.metric, child, budgets), _figure(each.metric, parent, budgets)
        found.append(_direction(each.metric, *pair, few) == each.direction)
    return found


def _told(expects: tuple[Expectation, ...]) -> list[Metric]:
    told: list[Metric] = [e.metric for e in expects]
    more: tuple[Metric, ...] = ("quality", "accuracy", "tokens")
    return list(dict.fromkeys([*told, *more]))


def _figure(metric: Metric, card: Card, budgets: Floats) -> float:
    if metric == "quality":
        return quality(card, budgets)
    if metric in _MEANS:
        return float(sum(getattr(point, metric) for point in card.mean_curve)) / len(card.mean_curve)
    if metric in _IN_TOKENS:
        return float(sum(finding.tokens for finding in card.findings if finding.kind == metric))
    return _episodes(metric, card)


def _episodes(metric: Metric, card: Card) -> float:
    """Return in how many episodes a finding shows; endlessly many if the metric is no finding."""
    if metric in (*_POINTS, *_MEANS):
        return math.inf
    return float(sum(finding.episodes for finding in card.findings if finding.kind == metric))


def _direction(metric: Metric, now: float, before: float, few: bool) -> str:
    close = _SAME_POINTS if metric in _POINTS else _SAME * max(before, 1.0)
    if few or abs(now - before) <= close:
        return "same"
    return "more" if now > before else "less"


def _words(metric: Metric, now: float, before: float, few: bool) -> str:
    if metric in _POINTS:
        return f"{metric} {now - before:+.2f} points"
    if few:
        return f"hardly any {metric}"
    if before == 0:
        return f"{metric} {now:,.0f}, none before"
    return f"{metric} {100 * (now - before) / before:+.0f}%"
