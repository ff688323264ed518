"""Rank stability: how the search ranked its versions, and how environments that it has not seen rank them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autotts.envs.statistics import Floats, Interval, QuestionSample

from ... import population
from ...records.card import Card
from ...records.version import CurvePoint
from .comparisons import TOKENS, interval
from .select import ReplayEntry

TRANSFERRED, LOST, OPEN = "transferred", "lost", "not decided"
AHEAD = "ahead"
"""Replaces `TRANSFERRED` if no environment was held out from the search."""


@dataclass(frozen=True, slots=True)
class QualityGain:
    """A version's quality minus that of the best baseline, in points."""

    searched: float | None
    """The gain in the search; None if the archive has no baseline."""
    here: float
    here_ci: Interval
    """Paired by question."""
    optimism: float | None
    """``searched`` minus ``here``: the part of the gain that did not transfer."""
    optimism_ci: Interval | None
    verdict: str
    """`TRANSFERRED` (or `AHEAD`) if ``here_ci`` is above 0, `LOST` if it is below 0, else `OPEN`."""


@dataclass(frozen=True, slots=True)
class VersionRank:
    """A controller's quality (`population.quality`) and rank. Rank 1 is the best; equals share their mean rank."""

    controller: str
    searched: float | None
    """Quality in the search; None if the archive does not have it."""
    searched_rank: float | None
    quality: float
    """Quality in this replay, like all following fields."""
    quality_ci: Interval
    rank: float
    rank_ci: Interval
    gain: QualityGain | None
    """None for baselines."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """All controllers with a curve, best first, and the agreement of the two rankings."""

    ranks: tuple[VersionRank, ...]
    best_baseline: str
    """The baseline with the highest quality in this replay; gains are relative to it."""
    budgets: tuple[float, float]
    """Lowest and highest token budget of quality, per question."""
    spearman: float | None
    """Rank correlation of the search's ranking with this one, from -1 to 1; None with fewer than three controllers."""
    spearman_ci: Interval | None


@dataclass(frozen=True, slots=True)
class _Quality:
    """A quality in this replay, and its resamples."""

    centre: float
    spread: Floats
    """(RESAMPLES,)"""

    @classmethod
    def of(cls, curve: Sequence[QuestionSample], at: Floats) -> _Quality:
        resampled = np.stack([sample.resampled for sample in curve], axis=1)
        return cls(
            _attained(np.stack([sample.centre for sample in curve]), at),
            np.array([_attained(points, at) for points in resampled]),
        )


def ranking(
    entries: Sequence[ReplayEntry],
    curves: Mapping[str, Sequence[QuestionSample]],
    cards: Sequence[Card],
    held_out: bool,
) -> Ranking | None:
    """Rank the controllers whose curve has more than one point; None if no baseline has such a curve.

    Args:
        entries: the controllers of the replay.
        curves: curves by label, averaged over the environments.
        cards: the cards of the archive.
        held_out: whether at least one environment is new to the search.
    """
    there = [entry for entry in entries if len(curves.get(entry.label, ())) > 1]
    baselines = [entry.label for entry in there if entry.baseline]
    if not baselines:
        return None
    at = _budgets([curves[label] for label in baselines])
    here = {entry.label: _Quality.of(curves[entry.label], at) for entry in there}
    best = max(baselines, key=lambda label: here[label].centre)
    search_at = population.budgets(cards)
    then = {entry.label: population.quality(entry.card, search_at) for entry in there if entry.card is not None}
    bar = max((then[label] for label in baselines if label in then), default=None)
    above = TRANSFERRED if held_out else AHEAD

    places = _places(np.array([[quality.centre for quality in here.values()]]))[0].tolist()
    spread = _places(np.stack([quality.spread for quality in here.values()], axis=1))
    then_places = dict(zip(then, _places(np.array([list(then.values())]))[0].tolist(), strict=True))
    ranks = [
        VersionRank(
            entry.label, then.get(entry.label), then_places.get(entry.label),
            here[entry.label].centre, interval(here[entry.label].spread), places[i], interval(spread[:, i]),
            None if entry.baseline else _gain(here[entry.label], here[best], then.get(entry.label), bar, above),
        )
        for i, entry in enumerate(there)
    ]  # fmt: skip
    agreement = _agreement([here[label] for label in then], list(then.values())) if len(then) > 2 else (None, None)
    ordered = sorted(ranks, key=lambda rank: (rank.rank, rank.controller))
    return Ranking(tuple(ordered), best, (float(at[0]), float(at[-1])), *agreement)


def _gain(mine: _Quality, best: _Quality, then: float | None, bar: float | None, above: str) -> QualityGain:
    here, spread = mine.centre - best.centre, mine.spread - best.spread
    low, high = interval(spread)
    verdict = above if low > 0 else LOST if high < 0 else OPEN
    if then is None or bar is None:
        return QualityGain(None, here, (low, high), None, None, verdict)
    searched = then - bar
    return QualityGain(searched, here, (low, high), searched - here, interval(searched - spread), verdict)


def _agreement(here: Sequence[_Quality], then: Sequence[float]) -> tuple[float, Interval]:
    """Return Spearman's rank correlation, and its interval over resampled questions of this replay."""
    old = _places(np.array([then]))
    now = _places(np.array([[quality.centre for quality in here]]))
    drawn = _places(np.stack([quality.spread for quality in here], axis=1))
    return float(_correlation(now, old)[0]), interval(_correlation(drawn, old))


def _correlation(rows: Floats, row: Floats) -> Floats:
    """Return (R,) the correlation of each of ``rows`` (R, n) with ``row`` (1, n); 0 if one of them is constant."""
    a, b = rows - rows.mean(axis=1, keepdims=True), row - row.mean()
    norm = np.sqrt((a**2).sum(axis=1) * (b**2).sum())
    return np.asarray(np.divide((a * b).sum(axis=1), norm, out=np.zeros(len(a)), where=norm > 0))


def _places(values: Floats) -> Floats:
    """Return (R, n) the rank of each value in its row: 1 for the highest; equals share their mean rank."""
    result = np.empty_like(values)
    for i, row in enumerate(values):
        _, which, counts = np.unique(-row, return_inverse=True, return_counts=True)
        result[i] = (np.cumsum(counts) - (counts - 1) / 2)[which]
    return result


def _attained(points: Floats, at: Floats) -> float:
    """Return the quality of a curve, given (B, columns) points."""
    curve = [CurvePoint(0.0, accuracy, tokens, latency) for accuracy, tokens, latency in points.tolist()]
    return float(population.attained(curve, at).mean())


def _budgets(curves: Sequence[Sequence[QuestionSample]]) -> Floats:
    """Return the token budgets that `population.budgets` would derive from these curves of the baselines."""
    most = [max(float(sample.centre[TOKENS]) for sample in curve) for curve in curves]
    low = max(1.0, 2 * min(most))
    return np.geomspace(low, max(2 * low, *most), population.BUDGETS)
