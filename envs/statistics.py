"""Turns figures of episodes into scaling curves with confidence intervals, and compares two controllers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .errors import InputError
from .scoring import EpisodeFigures
from .synthetic.simulated import recorded

RESAMPLES = 2000
_SEED = 20260715  # used by the bootstrap only: equal scores have equal intervals on every machine

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

Interval = tuple[float, float]
"""A 95% interval: the 2.5th and the 97.5th percentile of a bootstrap over questions."""

MEAN = "mean"
"""The name of the average over environments, in which each environment has the same weight."""


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a scaling curve: one controller at one beta on one environment, or on the mean of several."""

    environment: str
    beta: float
    accuracy_pct: float
    """Percentage of episodes that were answered right."""
    accuracy_ci: Interval
    mean_tokens: float
    """Mean tokens of an episode."""
    mean_tokens_ci: Interval
    mean_latency: float
    """Mean tokens on the critical path of an episode."""
    episodes: int


@dataclass(frozen=True, slots=True)
class CurveDifference:
    """The first controller minus the second at one beta, paired by question and branch order.

    Positive accuracy speaks for the first controller; so do negative tokens and latency.
    """

    environment: str
    """An environment, or `MEAN` for the mean over the recorded ones, in which each has the same weight."""
    beta: float
    accuracy_pct: float
    accuracy_ci: Interval
    mean_tokens: float
    mean_tokens_ci: Interval
    mean_latency: float
    """In tokens on the critical path of a question."""
    mean_latency_ci: Interval
    wins: int
    """Questions that the first controller answers right more often; those of each environment count."""
    losses: int
    ties: int


@dataclass(frozen=True, slots=True)
class QuestionSample:
    """The results of one controller at one beta as means by question; points and paired intervals derive from them."""

    environment: str
    beta: float
    tables: tuple[Floats, ...]
    """For each environment, (questions, 3) means over branch orders: accuracy in per cent, tokens, latency."""
    episodes: int

    @property
    def centre(self) -> Floats:
        """(3,) means over questions; each environment has the same weight."""
        return np.asarray(np.mean([table.mean(axis=0) for table in self.tables], axis=0))

    @property
    def resampled(self) -> Floats:
        """(RESAMPLES, 3) bootstrap of `centre`. Samples of the same questions share the draws: they are paired."""
        return np.asarray(np.mean([bootstrap(table) for table in self.tables], axis=0))

    def point(self) -> Point:
        """Return the sample as a point of a curve."""
        low, high = np.percentile(self.resampled, [2.5, 97.5], axis=0)
        accuracy, tokens, latency = self.centre.tolist()
        return Point(
            environment=self.environment,
            beta=self.beta,
            accuracy_pct=accuracy,
            accuracy_ci=(float(low[0]), float(high[0])),
            mean_tokens=tokens,
            mean_tokens_ci=(float(low[1]), float(high[1])),
            mean_latency=latency,
            episodes=self.episodes,
        )


def curve(figures: EpisodeFigures) -> list[Point]:
    """Return a `Point` for each environment and beta, followed by the mean if several environments are recorded."""
    by_environment = samples(figures)
    several = len(recorded([env.name for env in figures.episodes.environments])) > 1
    return [sample.point() for sample in (*by_environment, *(means(by_environment) if several else ()))]


def samples(figures: EpisodeFigures) -> list[QuestionSample]:
    """Return one `QuestionSample` for each environment and beta."""

    def values(mine: Mask) -> Floats:
        return np.stack([100.0 * figures.correct[mine], figures.tokens[mine], figures.latency[mine]], axis=1)

    return _samples(figures, values)


def _samples(figures: EpisodeFigures, values: Callable[[Mask], Floats]) -> list[QuestionSample]:
    """Return one sample for each environment and beta; ``values`` returns (n, 3) values of the n episodes chosen.

    The values are made for one sample at a time: those of all episodes would take more memory than the figures.
    """
    result = []
    for e, env in enumerate(figures.episodes.environments):
        for beta in np.unique(figures.episodes.beta).tolist():
            mine = (figures.episodes.environment == e) & (figures.episodes.beta == beta)
            table = _by_question(figures.episodes.question[mine], values(mine))
            result.append(QuestionSample(env.name, beta, (table,), int(mine.sum())))
    return result


def means(samples: Sequence[QuestionSample]) -> list[QuestionSample]:
    """Return the mean over the recorded environments for each beta, in the order in which the betas appear."""
    counted = set(recorded([sample.environment for sample in samples]))
    by_beta: dict[float, list[QuestionSample]] = {}
    for sample in (sample for sample in samples if sample.environment in counted):
        by_beta.setdefault(sample.beta, []).append(sample)
    return [
        QuestionSample(MEAN, beta, tuple(t for s in group for t in s.tables), sum(s.episodes for s in group))
        for beta, group in by_beta.items()
    ]


def compare(first: EpisodeFigures, second: EpisodeFigures) -> list[CurveDifference]:
    """Return ``first`` minus ``second`` for each environment and beta, paired by question and branch order.

    The differences on the mean follow if several environments are recorded. Environments of the same questions share
    the resampled questions, as in `curve`.

    Raises:
        InputError: the two belong to different episodes.
    """
    a, b = first.episodes, second.episodes
    same = [env.hash for env in a.environments] == [env.hash for env in b.environments]
    columns = ("environment", "question", "beta", "order")
    if not same or not all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns):
        raise InputError("only figures of the same episodes can be compared")

    def values(mine: Mask) -> Floats:
        correct = 100.0 * first.correct[mine] - 100.0 * second.correct[mine]
        tokens, latency = (getattr(first, name)[mine] - getattr(second, name)[mine] for name in ("tokens", "latency"))
        return np.stack([correct, tokens, latency], axis=1).astype(float)

    by_environment = _samples(first, values)
    several = len(recorded([env.name for env in a.environments])) > 1
    return [_difference(sample) for sample in (*by_environment, *(means(by_environment) if several else ()))]


def _difference(sample: QuestionSample) -> CurveDifference:
    """Return a sample of differences as a `CurveDifference`."""
    point = sample.point()
    low, high = np.percentile(sample.resampled[:, 2], [2.5, 97.5])
    gain = np.concatenate([table[:, 0] for table in sample.tables])
    return CurveDifference(
        environment=sample.environment, beta=sample.beta, accuracy_pct=point.accuracy_pct,
        accuracy_ci=point.accuracy_ci, mean_tokens=point.mean_tokens, mean_tokens_ci=point.mean_tokens_ci,
        mean_latency=point.mean_latency, mean_latency_ci=(float(low), float(high)),
        wins=int((gain > 0).sum()), losses=int((gain < 0).sum()), ties=int((gain == 0).sum()),
    )  # fmt: skip


def by_question(figures: EpisodeFigures, values: Floats, mine: npt.NDArray[np.bool_]) -> Floats:
    """Return (questions, columns) means of ``values`` (episodes, columns) over the episodes of each question."""
    return _by_question(figures.episodes.question[mine], values[mine])


def _by_question(question: npt.NDArray[np.int32], values: Floats) -> Floats:
    """Return (questions, columns) means of ``values`` (n, columns) over the n episodes of each question."""
    _, which = np.unique(question, return_inverse=True)
    counts = np.bincount(which)
    columns = [np.bincount(which, weights=column) / counts for column in values.T]
    return np.stack(columns, axis=1)


def bootstrap(table: Floats) -> Floats:
    """Return (RESAMPLES, columns) means over questions drawn with replacement from ``table`` (questions, columns)."""
    return _weights(len(table)) @ table / len(table)


@lru_cache(maxsize=4)
def _weights(questions: int) -> Floats:
    """Return (RESAMPLES, questions) the number of times that each question was drawn."""
    generator = np.random.default_rng(_SEED)
    draws = generator.integers(0, questions, (RESAMPLES, questions))
    weights = np.zeros((RESAMPLES, questions))
    np.add.at(weights, (np.arange(RESAMPLES)[:, None], draws), 1.0)
    weights.flags.writeable = False  # the cache returns this same array to every caller
    return weights
