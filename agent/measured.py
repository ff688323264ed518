"""What a version did on a batch of episodes, and how sure its curve, and its lead over another, can be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from envs.episodes import Episodes, Logs
from envs.evaluate import Interval, bootstrap, by_question
from envs.scoring import Scores, score

from .explorers.base import CurvePoint
from .population import attained

Floats = npt.NDArray[np.float64]

_DRAWS = 400
"""Resamples for what has to be computed one resample at a time."""


@dataclass(frozen=True)
class Measured:
    """The logs of a version on a batch, and the host's scores of them."""

    logs: Logs
    scores: Scores

    @classmethod
    def of(cls, episodes: Episodes, logs: Logs) -> Measured:
        """Score ``logs``, which are those of ``episodes``."""
        return cls(logs, score(episodes, logs))

    @cached_property
    def betas(self) -> list[float]:
        """The beta grid."""
        betas: list[float] = np.unique(self.scores.episodes.beta).tolist()
        return betas

    @cached_property
    def means(self) -> Floats:
        """(betas, 3): accuracy in per cent, tokens and latency of a question, on the mean of the environments."""
        return np.asarray(np.mean([[table.mean(axis=0) for table in tables] for tables in self._tables], axis=0))

    @cached_property
    def samples(self) -> Floats:
        """(resamples, betas, 3): ``means`` for questions drawn with replacement.

        The same questions are drawn for every version and beta, so that differences between them are paired.
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
        """``means`` as points."""
        return _points(self.betas, self.means)

    def accuracy_interval(self, i: int) -> Interval:
        """Return the 95% interval of the accuracy at the ``i``-th beta."""
        return interval(self.samples[:, i, 0])

    def quality(self, at: Floats) -> float:
        """Return the mean accuracy attained over the token budgets ``at``, as `population.quality` does."""
        return float(attained(self.curve, at).mean())


def _points(betas: Sequence[float], means: Floats) -> list[CurvePoint]:
    return [CurvePoint(beta, *map(float, row)) for beta, row in zip(betas, means, strict=True)]


def interval(samples: Floats) -> Interval:
    """Return the 95% interval of resampled figures."""
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def quality_gain(first: Measured, second: Measured, at: Floats) -> tuple[float, Interval]:
    """Return the quality of ``second`` less that of ``first`` on the same episodes, and its paired 95% interval."""
    gain = second.quality(at) - first.quality(at)
    if np.array_equal(first.scores.correct, second.scores.correct) and np.array_equal(
        first.scores.tokens, second.scores.tokens
    ):
        return gain, (gain, gain)
    pairs = zip(first.samples[:_DRAWS], second.samples[:_DRAWS], strict=True)
    gains = [
        float((attained(_points(second.betas, b), at) - attained(_points(first.betas, a), at)).mean()) for a, b in pairs
    ]
    return gain, interval(np.array(gains))


def same_decisions(first: Logs, second: Logs) -> bool:
    """Return whether two versions did and answered the same in every episode."""
    ours, theirs = first.columns(), second.columns()
    return all(np.array_equal(ours[name], theirs[name]) for name in ours)


def best_at(curves: Sequence[tuple[str, Sequence[CurvePoint]]], tokens: float) -> str | None:
    """Return the name of the curve that attains the highest accuracy at ``tokens``, the first of equals."""
    at = np.array([max(1.0, tokens)])
    values = [float(attained(curve, at)[0]) for _, curve in curves]
    return curves[int(np.argmax(values))][0] if curves else None


def at_tokens(curve: Sequence[CurvePoint], tokens: float) -> float:
    """Return the accuracy, in per cent, that ``curve`` attains at ``tokens``."""
    return float(attained(curve, np.array([max(1.0, tokens)]))[0])
