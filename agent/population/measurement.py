"""A version's results on a batch of episodes, with intervals for its curve and for its lead over another version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.scoring import Scores, score
from autotts.envs.statistics import Floats, Interval, bootstrap, by_question

from ..records.version import CurvePoint, ScalingCurve
from . import attained, attained_by

Curve = tuple[str, Sequence[CurvePoint]]
"""A version and its curve."""

_DRAWS = 400
"""Resamples for statistics that are computed one resample at a time."""


@dataclass(frozen=True)
class Measurement:
    """The logs of a version on a batch, and the scores that the host derived from them."""

    logs: Logs
    scores: Scores

    @classmethod
    def of(cls, episodes: Episodes, logs: Logs) -> Measurement:
        """Score ``logs``, one log per episode of ``episodes``."""
        return cls(logs, score(episodes, logs))

    @cached_property
    def betas(self) -> list[float]:
        """The beta grid."""
        betas: list[float] = np.unique(self.scores.episodes.beta).tolist()
        return betas

    @cached_property
    def means(self) -> Floats:
        """(betas, 3): accuracy (per cent), tokens and latency (tokens) per question, averaged over environments."""
        return np.asarray(np.mean([[table.mean(axis=0) for table in tables] for tables in self._tables], axis=0))

    @cached_property
    def samples(self) -> Floats:
        """(resamples, betas, 3): ``means`` of questions resampled with replacement.

        Every version and beta uses the same resampled questions, so that differences are paired.
        """
        drawn = [np.stack([bootstrap(table) for table in tables], axis=1) for tables in self._tables]
        return np.asarray(np.mean(drawn, axis=0))

    @cached_property
    def _tables(self) -> list[list[Floats]]:
        scores, episodes = self.scores, self.scores.episodes
        values = np.stack([100.0 * scores.correct, scores.tokens, scores.latency], axis=1)
        return [
            [by_question(scores, values, (episodes.environment == e) & (episodes.beta == beta)) for beta in self.betas]
            for e in range(len(episodes.environments))
        ]

    @cached_property
    def curve(self) -> list[CurvePoint]:
        """``means`` as curve points, in ascending order of beta."""
        return _points(self.betas, self.means)

    def accuracy_interval(self, i: int) -> Interval:
        """Return the 95% interval of the accuracy at the ``i``-th beta."""
        return interval(self.samples[:, i, 0])

    def quality(self, at: Floats) -> float:
        """Return the mean accuracy attained over the token budgets ``at``, as `population.quality` does."""
        return float(attained(self.curve, at).mean())

    def resampled_quality(self, at: Floats) -> Floats:
        """Return (resamples,) `quality` of resampled questions; every version uses the same questions."""
        drawn = [ScalingCurve(np.column_stack((self.betas, sample))) for sample in self.samples[:_DRAWS]]
        return np.asarray(attained_by(drawn, at).mean(axis=1))


def _points(betas: Sequence[float], means: Floats) -> list[CurvePoint]:
    return [CurvePoint(beta, *map(float, row)) for beta, row in zip(betas, means, strict=True)]


def interval(samples: Floats) -> Interval:
    """Return the 95% percentile interval of resampled values."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def quality_gain(first: Measurement, second: Measurement, at: Floats) -> tuple[float, Interval]:
    """Return the quality of ``second`` minus that of ``first`` on the same episodes, and its paired 95% interval."""
    gain = second.quality(at) - first.quality(at)
    return gain, interval(second.resampled_quality(at) - first.resampled_quality(at))


def same_decisions(first: Logs, second: Logs) -> bool:
    """Return whether two versions took the same actions and gave the same answers in every episode."""
    ours, theirs = first.columns(), second.columns()
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


def best_at(curves: Sequence[Curve], tokens: float) -> str | None:
    """Return the name of the curve with the highest accuracy at ``tokens`` (the first of equals); None if every curve
    begins above ``tokens``."""
    values = [(at_tokens(curve, tokens), -i) for i, (_, curve) in enumerate(curves)]
    reached = [(value, i) for value, i in values if value is not None]
    return curves[-max(reached)[1]][0] if reached else None


def at_tokens(curve: Sequence[CurvePoint], tokens: float) -> float | None:
    """Return the accuracy, in per cent, that ``curve`` attains at ``tokens``; None below its first point."""
    if not curve or tokens < min(point.tokens for point in curve):
        return None
    return float(attained(curve, np.array([max(1.0, tokens)]))[0])
