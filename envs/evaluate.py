"""Scores of episodes -> scaling curves with confidence intervals, and paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .scoring import Scores

RESAMPLES = 2000
_SEED = 20260715  # of the bootstrap alone: the same scores have the same intervals everywhere

Interval = tuple[float, float]
"""A 95% interval: 2.5th and 97.5th percentile of a bootstrap over questions."""

MEAN = "mean"
"""The name of the average over environments, each counting the same."""


@dataclass(frozen=True, slots=True)
class Point:
    """One controller at one beta on one environment (or on the mean of several)."""

    environment: str
    beta: float
    accuracy_pct: float
    """Per cent of episodes answered right."""
    accuracy_ci: Interval
    mean_tokens: float
    """Tokens of a question."""
    mean_tokens_ci: Interval
    mean_latency: float
    """Tokens on the critical path of a question."""
    episodes: int


@dataclass(frozen=True, slots=True)
class Difference:
    """The second controller less the first at one beta, paired by question and seed."""

    environment: str
    beta: float
    accuracy_pct: float
    accuracy_ci: Interval
    mean_tokens: float
    mean_tokens_ci: Interval
    wins: int
    """Questions that the second answers right more often."""
    losses: int
    ties: int


def curve(scores: Scores) -> list[Point]:
    """Return one `Point` for each environment and beta; after them, for several environments, their mean."""
    names = [env.name for env in scores.episodes.environments]
    values = np.stack([100.0 * scores.correct, scores.tokens, scores.latency], axis=1)
    points = []
    means: dict[float, list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]]] = {}
    for e, name in enumerate(names):
        for beta in np.unique(scores.episodes.beta).tolist():
            mine = (scores.episodes.environment == e) & (scores.episodes.beta == beta)
            table = by_question(scores, values, mine)
            resampled = bootstrap(table)
            points.append(_point(name, beta, table.mean(axis=0), resampled, int(mine.sum())))
            means.setdefault(beta, []).append((table.mean(axis=0), resampled, int(mine.sum())))
    if len(names) > 1:
        for beta, rows in means.items():
            centre = np.mean([row[0] for row in rows], axis=0)
            points.append(_point(MEAN, beta, centre, _mixed(rows), sum(row[2] for row in rows)))
    return points


def compare(first: Scores, second: Scores) -> list[Difference]:
    """Return ``second`` less ``first`` for each environment and beta, paired by question and seed.

    Raises:
        InputError: the two are not scores of the same episodes.
    """
    a, b = first.episodes, second.episodes
    same = [env.hash for env in a.environments] == [env.hash for env in b.environments]
    columns = ("environment", "question", "beta", "seed")
    if not same or not all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns):
        raise InputError("only scores of the same episodes can be compared")
    values = np.stack(
        [100.0 * second.correct - 100.0 * first.correct, (second.tokens - first.tokens).astype(float)], axis=1
    )
    rows = []
    for e, env in enumerate(a.environments):
        for beta in np.unique(a.beta).tolist():
            table = by_question(second, values, (a.environment == e) & (a.beta == beta))
            low, high = np.percentile(bootstrap(table), [2.5, 97.5], axis=0)
            gain = table[:, 0]
            rows.append(
                Difference(
                    env.name, beta,
                    float(gain.mean()), (float(low[0]), float(high[0])),
                    float(table[:, 1].mean()), (float(low[1]), float(high[1])),
                    int((gain > 0).sum()), int((gain < 0).sum()), int((gain == 0).sum()),
                )
            )  # fmt: skip
    return rows


def by_question(
    scores: Scores, values: npt.NDArray[np.float64], mine: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Return (questions, columns): the mean of ``values`` (episodes, columns) over the seeds of each question."""
    _, which = np.unique(scores.episodes.question[mine], return_inverse=True)
    counts = np.bincount(which)
    columns = [np.bincount(which, weights=column) / counts for column in values[mine].T]
    return np.stack(columns, axis=1)


def bootstrap(table: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return (RESAMPLES, columns): means over questions drawn with replacement from ``table`` (questions, columns)."""
    generator = np.random.default_rng(_SEED)
    draws = generator.integers(0, len(table), (RESAMPLES, len(table)))
    weights = np.zeros((RESAMPLES, len(table)))
    np.add.at(weights, (np.arange(RESAMPLES)[:, None], draws), 1.0)
    return weights @ table / len(table)


def _mixed(rows: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], int]]) -> npt.NDArray[np.float64]:
    """Average the environments' resamples; those of environments with the same questions were drawn alike."""
    return np.asarray(np.mean([row[1] for row in rows], axis=0))


def _point(
    name: str, beta: float, centre: npt.NDArray[np.float64], resampled: npt.NDArray[np.float64], episodes: int
) -> Point:
    low, high = np.percentile(resampled, [2.5, 97.5], axis=0)
    return Point(
        environment=name,
        beta=beta,
        accuracy_pct=float(centre[0]),
        accuracy_ci=(float(low[0]), float(high[0])),
        mean_tokens=float(centre[1]),
        mean_tokens_ci=(float(low[1]), float(high[1])),
        mean_latency=float(centre[2]),
        episodes=episodes,
    )
