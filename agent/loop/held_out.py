"""What held-out questions show of a search: how far its figures fall there, and who cannot be chosen by them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from autotts.envs.statistics import Floats, bootstrap

from ..archive.run_report import HeldOutGap
from ..population.overfitting.beliefs import ResultsLoader
from ..population.overfitting.contributions import QualityPanel, panel
from ..population.overfitting.crossvalidation import IntervalEstimate, means
from ..population.overfitting.question_results import QuestionResults
from ..records.card import Card
from ..records.migration import BASELINE


def clearly_behind(cards: Sequence[Card], searched: ResultsLoader, at: Floats) -> frozenset[str]:
    """Return the discovered versions that are clearly worse in the search than the best hand-written controller.

    "Clearly": the 95% interval of the difference, paired by question, lies below 0.

    Args:
        cards: versions that ran.
        searched: returns the results of a version in the search.
        at: the token budgets of quality.
    """
    results = {card.id: found for card in cards if (found := searched(card.id)) is not None}
    written = [card.id for card in cards if card.explorer == BASELINE and card.id in results]
    others = [card.id for card in cards if card.generation > 0 and card.id in results]
    if not written or not others:
        return frozenset()
    these = panel([results[name] for name in (*written, *others)], at)
    rows = dict(zip((*written, *others), these.values, strict=True))
    qualities = dict(zip(written, means(these, [rows[name] for name in written]), strict=True))
    best = rows[max(written, key=lambda name: qualities[name].value)]
    leads = means(these, [rows[name] - best for name in others])
    return frozenset(name for name, lead in zip(others, leads, strict=True) if lead.interval[1] < 0)


def gaps(
    cards: Sequence[Card], first: str, measured: Mapping[str, QuestionResults], searched: ResultsLoader, at: Floats
) -> tuple[HeldOutGap, ...]:
    """Return the gap of each version between the search and the held-out questions: first that of ``first``.

    Args:
        cards: versions that ran on the held-out questions.
        first: the version that the search would choose.
        measured: results on the held-out questions, by version.
        searched: returns the results of a version in the search; versions without results are left out.
        at: the token budgets of quality.
    """
    before = {card.id: found for card in cards if (found := searched(card.id)) is not None}
    names = [card.id for card in cards if card.id in before]
    if not names:
        return ()
    old, new = panel([before[name] for name in names], at), panel([measured[name] for name in names], at)
    written = [i for i, card in enumerate(card for card in cards if card.id in before) if card.explorer == BASELINE]
    # equal seeds draw equal places of both sets: the shift makes the draws of one set independent of the other's
    values = _values(old) - _values(new)
    drawn = _resampled(old) - np.roll(_resampled(new), 1, axis=0)
    rows: list[HeldOutGap] = []
    for i, name in enumerate(names):
        common, draws = values[written].mean() if written else 0.0, drawn[:, written].mean(axis=1) if written else 0.0
        was, now = float(_values(old)[i]), float(_values(new)[i])
        rest = _estimate(float(values[i] - common), drawn[:, i] - draws) if written else None
        gap = _estimate(float(values[i]), drawn[:, i])
        rows.append(HeldOutGap(version=name, searched=was, measured=now, gap=gap, optimism=rest))
    return tuple(sorted(rows, key=lambda each: (each.version != first, -each.measured, each.version)))


def _tables(these: QualityPanel) -> list[Floats]:
    """Return the contributions of each recorded environment: (questions, versions)."""
    environments = np.unique(these.environment[these.recorded]).tolist()
    return [these.values.T[these.environment == e] for e in environments]


def _values(these: QualityPanel) -> Floats:
    """Return (V,) the quality of each version, in per cent."""
    return np.asarray(np.mean([table.mean(axis=0) for table in _tables(these)], axis=0))


def _resampled(these: QualityPanel) -> Floats:
    """Return (resamples, V) the qualities on questions drawn with replacement."""
    return np.asarray(np.mean([bootstrap(table) for table in _tables(these)], axis=0))


def _estimate(value: float, draws: Floats) -> IntervalEstimate:
    low, high = np.percentile(draws, [2.5, 97.5])
    return IntervalEstimate(value, (float(low), float(high)))
