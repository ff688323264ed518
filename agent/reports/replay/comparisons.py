"""Comparisons with paired 95% intervals, resampled by question: against a reference, and at equal accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autotts.envs.statistics import Floats, Interval, QuestionSample

ACCURACY, TOKENS = 0, 1
"""Columns of `QuestionSample.centre` and of `QuestionSample.resampled`."""
WIN, TIE, LOSS = "+", "=", "-"

Bounds = tuple[float | None, float | None]
"""A 95% interval; None for an infinite end."""


@dataclass(frozen=True, slots=True)
class PairedComparison:
    """A controller at one beta minus the reference, paired by question and branch order."""

    gain: float
    """Difference of accuracy, in points."""
    gain_ci: Interval
    saved_pct: float
    """Tokens saved, in per cent of the reference's tokens."""
    saved_ci: Interval
    outcomes: str
    """One sign per question: `WIN`, `TIE` or `LOSS`, by how often the answer was right."""


@dataclass(frozen=True, slots=True)
class EqualAccuracy:
    """The fewest tokens at which a controller's curve attains the reference's accuracy."""

    reached_pct: float
    """Per cent of the resamples in which the curve attains it."""
    tokens: float | None
    """Tokens per question; None if the curve does not attain the accuracy."""
    tokens_ci: Bounds
    saved_pct: float | None
    """In per cent of the reference's tokens; None if the curve does not attain the accuracy."""
    saved_ci: Bounds


def compare_with_reference(sample: QuestionSample, reference: QuestionSample) -> PairedComparison:
    """Compare two samples of the same questions."""
    gain = sample.resampled[:, ACCURACY] - reference.resampled[:, ACCURACY]
    saved = _saved(sample.resampled[:, TOKENS], reference.resampled[:, TOKENS])
    signs = [
        np.sign(ours[:, ACCURACY] - theirs[:, ACCURACY])
        for ours, theirs in zip(sample.tables, reference.tables, strict=True)
    ]
    return PairedComparison(
        gain=float(sample.centre[ACCURACY] - reference.centre[ACCURACY]),
        gain_ci=interval(gain),
        saved_pct=float(_saved(sample.centre[TOKENS], reference.centre[TOKENS])),
        saved_ci=interval(saved),
        outcomes="".join({1: WIN, 0: TIE, -1: LOSS}[int(sign)] for sign in np.concatenate(signs).tolist()),
    )


def tokens_at_equal_accuracy(curve: Sequence[QuestionSample], reference: QuestionSample) -> EqualAccuracy:
    """Return the tokens that ``curve`` needs for the reference's accuracy; each resample has its own target."""
    centre = np.stack([sample.centre for sample in curve])[None]
    resampled = np.stack([sample.resampled for sample in curve], axis=1)
    target = reference.resampled
    (tokens,) = fewest(centre[..., TOKENS], centre[..., ACCURACY], reference.centre[None, ACCURACY]).tolist()
    spread = fewest(resampled[..., TOKENS], resampled[..., ACCURACY], target[:, ACCURACY])
    reached = np.isfinite(tokens)
    return EqualAccuracy(
        reached_pct=float(100 * np.isfinite(spread).mean()),
        tokens=tokens if reached else None,
        tokens_ci=bounds(spread),
        saved_pct=float(_saved(tokens, reference.centre[TOKENS])) if reached else None,
        saved_ci=bounds(_saved(spread, target[:, TOKENS])),
    )


def fewest(tokens: Floats, accuracy: Floats, target: Floats) -> Floats:
    """Return (R,) the fewest tokens at which each curve attains its target, or infinity.

    Between two points a curve is interpolated on the logarithm of tokens, as in `population.attained`; there is no
    value below the first point.

    Args:
        tokens, accuracy: (R, B) points of each curve, in any order.
        target: (R,) accuracies, in per cent.
    """
    order = np.lexsort((accuracy, tokens), axis=1)
    x = np.log(np.maximum(1.0, np.take_along_axis(tokens, order, axis=1)))
    best = np.maximum.accumulate(np.take_along_axis(accuracy, order, axis=1), axis=1)
    enough = best >= target[:, None] - 1e-9  # equal means may differ in the order of summation
    rows = np.arange(len(tokens))
    right = enough.argmax(axis=1)
    left = np.maximum(0, right - 1)
    rise = best[rows, right] - best[rows, left]
    part = np.divide(target - best[rows, left], rise, out=np.ones_like(rise), where=rise > 0)
    result = np.exp(x[rows, left] + np.clip(part, 0.0, 1.0) * (x[rows, right] - x[rows, left]))
    return np.where(enough.any(axis=1), result, np.inf)


def interval(values: Floats) -> Interval:
    """Return the 95% percentile interval of resampled values."""
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def bounds(values: Floats) -> Bounds:
    """Return the 95% percentile interval of resampled values, some of which may be infinite."""
    low, high = np.percentile(values, [2.5, 97.5], method="nearest").tolist()
    return low if np.isfinite(low) else None, high if np.isfinite(high) else None


def _saved(tokens: Floats | float, reference: Floats | float) -> Floats:
    return np.asarray(100.0 * (1.0 - tokens / np.maximum(1e-9, reference)))
