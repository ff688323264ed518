"""Compares a controller's live episodes with what replay predicts for the same questions, paired by question.

The branches of a live episode are new. Replay draws the branches from recorded ones, in many orders; their mean is its
prediction for a question. Both differ by chance, and the interval of the difference says by how much: it is a bootstrap
over questions of live minus replay, so it holds the chance of the branches as well as that of the questions. Two
measures are judged, each by a 97.5% interval, so that a faithful model agrees in both 95 times in 100.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from autotts.envs.errors import InputError
from autotts.envs.statistics import Floats, Interval, bootstrap

Measure = Literal["accuracy", "tokens", "latency"]
MEASURES: tuple[Measure, ...] = ("accuracy", "tokens", "latency")
"""The measures of an episode, in the order of the columns of a table: per cent, tokens, tokens."""
_ENDS = (1.25, 98.75)
"""Percentiles at the ends of an interval: two measures are judged, and both shall hold with 95%."""


@dataclass(frozen=True, slots=True)
class LiveResult:
    """One live episode on a collected question."""

    question: int
    """The number of the question in its environment."""
    correct: bool
    tokens: int
    """Tokens by the contract: of all branches, plus the price of the probes."""
    latency: int
    """Tokens on the critical path."""
    lost: int = 0
    """Requests that were lost for good."""


@dataclass(frozen=True, slots=True)
class FidelityFigure:
    """One measure, live and in replay, as means over the same questions."""

    measure: Measure
    live: float
    replay: float
    difference: float
    """Live minus replay: points of accuracy, or tokens."""
    interval: Interval
    """97.5% interval of the difference."""

    @property
    def agrees(self) -> bool:
        """Whether chance explains the difference: its interval holds 0."""
        return self.interval[0] <= 0 <= self.interval[1]

    @property
    def resolution(self) -> float:
        """Half the width of the interval: a difference smaller than this is not found with so many questions."""
        return (self.interval[1] - self.interval[0]) / 2


@dataclass(frozen=True, slots=True)
class Fidelity:
    """A controller at one beta: live against replay on the same questions."""

    beta: float
    questions: int
    episodes: int
    """Live episodes."""
    figures: tuple[FidelityFigure, ...]
    """One for each of `MEASURES`."""

    def figure(self, measure: Measure) -> FidelityFigure:
        """Return the figure of one measure."""
        return self.figures[MEASURES.index(measure)]

    @property
    def agrees(self) -> bool:
        """Whether accuracy and tokens agree. Latency follows from the two, and is reported beside them."""
        return self.figure("accuracy").agrees and self.figure("tokens").agrees

    def sentence(self) -> str:
        """Return the result as a sentence for people."""
        accuracy, tokens = self.figure("accuracy"), self.figure("tokens")
        seen = 100 * tokens.resolution / max(tokens.replay, 1e-9)
        return (
            f"live {'agrees with' if self.agrees else 'differs from'} replay: accuracy "
            f"{'agrees' if accuracy.agrees else 'differs'} ({accuracy.difference:+.1f} points), tokens "
            f"{'agree' if tokens.agrees else 'differ'} ({_share(tokens):+.1f}%); {self.questions} questions cannot "
            f"show a difference below {accuracy.resolution:.1f} points or {seen:.1f}% of tokens"
        )


def _share(figure: FidelityFigure) -> float:
    """Return the difference in per cent of the prediction."""
    return 100 * figure.difference / figure.replay if figure.replay else 0.0


def live_table(results: Sequence[LiveResult]) -> tuple[list[int], Floats]:
    """Return the questions of live episodes in order, and a (questions, 3) table of their means by question."""
    questions = sorted({result.question for result in results})
    rows: list[list[tuple[float, float, float]]] = [[] for _ in questions]
    for result in results:
        rows[questions.index(result.question)].append((100.0 * result.correct, result.tokens, result.latency))
    return questions, np.array([np.mean(row, axis=0) for row in rows]).reshape(len(questions), len(MEASURES))


def compare_with_replay(results: Sequence[LiveResult], predicted: Floats, beta: float) -> Fidelity:
    """Return live minus replay, paired by question.

    Args:
        results: live episodes; a question may have several.
        predicted: (questions of the environment, 3) means of replayed episodes by question: per cent that are right,
            tokens, latency.
        beta: the beta of all episodes.

    Raises:
        InputError: there are fewer than two questions, which have no interval.
    """
    questions, live = live_table(results)
    if len(questions) < 2:
        raise InputError(f"{len(questions)} live questions: an interval needs two at least")
    replay = predicted[questions]
    low, high = np.percentile(bootstrap(live - replay), _ENDS, axis=0)
    return Fidelity(
        beta, len(questions), len(results),
        tuple(
            FidelityFigure(
                measure, float(live[:, at].mean()), float(replay[:, at].mean()),
                float((live - replay)[:, at].mean()), (float(low[at]), float(high[at])),
            )
            for at, measure in enumerate(MEASURES)
        ),
    )  # fmt: skip
