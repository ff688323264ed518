"""What a candidate was expected to change against its first parent, and what it did change."""

from __future__ import annotations

from .cards import Card
from .explorers.base import Expectation, Metric

_SAME = 0.02
"""A relative change below which tokens, latency or a finding are the same."""
_SAME_POINTS = 0.2
"""A change of accuracy, in points of per cent, below which it is the same."""


def outcome(expects: tuple[Expectation, ...], child: Card, parent: Card) -> str:
    """Return in a sentence what was predicted and what was seen; nothing if one of the two has no scores.

    Accuracy, tokens and latency are means over the beta grid; a finding's figure is the episodes in which it shows.
    What was not predicted is told too where accuracy or tokens are concerned, so that no price goes unseen.
    """
    if not child.mean_curve or not parent.mean_curve:
        return ""
    seen = [f"{_words(metric, child, parent)}" for metric in _told(expects)]
    if not expects:
        return f"against {parent.id}: {', '.join(seen)}"
    predicted = ", ".join(f"{e.direction} {e.metric}" for e in expects)
    held = sum(_direction(e.metric, child, parent) == e.direction for e in expects)
    return f"predicted against {parent.id}: {predicted}; seen: {', '.join(seen)} ({held} of {len(expects)} held)"


def _told(expects: tuple[Expectation, ...]) -> list[Metric]:
    told: list[Metric] = [e.metric for e in expects]
    more: tuple[Metric, ...] = ("accuracy", "tokens")
    return list(dict.fromkeys([*told, *more]))


def _figure(metric: Metric, card: Card) -> float:
    curve = card.mean_curve
    if metric in ("accuracy", "tokens", "latency"):
        return float(sum(getattr(point, metric) for point in curve)) / len(curve)
    return float(sum(finding.episodes for finding in card.findings if finding.kind == metric))


def _direction(metric: Metric, child: Card, parent: Card) -> str:
    now, before = _figure(metric, child), _figure(metric, parent)
    close = _SAME_POINTS if metric == "accuracy" else _SAME * max(before, 1.0)
    if abs(now - before) <= close:
        return "same"
    return "more" if now > before else "less"


def _words(metric: Metric, child: Card, parent: Card) -> str:
    now, before = _figure(metric, child), _figure(metric, parent)
    if metric == "accuracy":
        return f"accuracy {now - before:+.2f} points"
    if before == 0:
        return f"{metric} {now:,.0f}, none before" if now else f"no {metric}, as before"
    return f"{metric} {100 * (now - before) / before:+.0f}%"
