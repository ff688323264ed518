"""Compares controllers that answered the same fresh questions live, and sets the prediction of replay beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autotts.agent.reports.replay.comparisons import EqualAccuracy, tokens_at_equal_accuracy
from autotts.envs.statistics import Point, QuestionSample


@dataclass(frozen=True, slots=True)
class AskedQuestion:
    """One fresh question, answered live by one controller."""

    question: int
    """The number of the question; the same for every controller."""
    right: bool
    tokens: int
    """Tokens of the episode by the contract."""
    latency: int
    """Tokens on the critical path."""


@dataclass(frozen=True, slots=True)
class PredictedSaving:
    """What replay predicts on the collected questions."""

    points: Mapping[tuple[str, float], tuple[float, float]]
    """(accuracy in per cent, tokens) for each controller and beta."""
    saved_pct: float | None
    """Tokens saved at equal accuracy; None if the accuracy is not reached."""
    saved_ci: tuple[float | None, float | None]


def live_sample(beta: float, asked: Sequence[AskedQuestion]) -> QuestionSample:
    """Return the results of one controller at one beta, by question.

    Raises:
        ValueError: a question was asked twice, or not in order.
    """
    if [each.question for each in asked] != list(range(len(asked))):
        raise ValueError("every fresh question is asked once, in order: results are paired by question")
    table = np.array([(100.0 * each.right, each.tokens, each.latency) for each in asked])
    return QuestionSample("fresh questions", beta, (table,), len(asked))


def report(
    reference: tuple[str, QuestionSample], served: tuple[str, Sequence[QuestionSample]], predicted: PredictedSaving
) -> list[str]:
    """Return the comparison as lines: accuracy and tokens live and in replay, and the tokens saved at equal accuracy.

    Args:
        reference: the name and the results of self-consistency.
        served: the name of the served controller, and its results at each beta.
        predicted: what replay predicts for the same controllers.
    """
    name, curve = served
    lines = [f"{'':34} {'fresh questions, live':>42}   {'collected questions, replay':>28}"]
    for controller, sample in ((reference[0], reference[1]), *((name, sample) for sample in curve)):
        point, prediction = sample.point(), predicted.points.get((controller, sample.beta))
        beside = "-" if prediction is None else f"{prediction[0]:5.1f}% with {prediction[1]:7,.0f} tokens"
        lines.append(f"{controller + f' at beta {sample.beta:g}':34} {_shown(point):>42}   {beside:>28}")
    found = tokens_at_equal_accuracy(list(curve), reference[1])
    lines.append(f"{name} at the accuracy of {reference[0]}, live on fresh questions:")
    lines.append(f"  tokens saved {_saved(found.saved_pct, found.saved_ci)}; replay predicted "
                 f"{_saved(predicted.saved_pct, predicted.saved_ci)}")  # fmt: skip
    lines.append(f"  (95% intervals over questions, paired; {_reached(found)})")
    return lines


def _shown(point: Point) -> str:
    low, high = point.accuracy_ci
    return f"{point.accuracy_pct:5.1f}% [{low:.0f}, {high:.0f}] with {point.mean_tokens:7,.0f} tokens"


def _saved(saved: float | None, interval: tuple[float | None, float | None]) -> str:
    low, high = ("?" if end is None else f"{end:.0f}" for end in interval)
    return f"{'nothing: not reached' if saved is None else f'{saved:.1f}%'} [{low}, {high}]"


def _reached(found: EqualAccuracy) -> str:
    return f"the accuracy is reached in {found.reached_pct:.0f}% of the resamples"
