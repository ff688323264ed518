"""The comparison at the end of the live demo."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.demo_live import FULL, REFERENCE, betas_to_ask, predicted, questions_in
from benchmarks.live_comparison import AskedQuestion, PredictedSaving, live_sample, report


def asked(accuracy: float, tokens: int, seed: int, questions: int = 60) -> list[AskedQuestion]:
    random = np.random.default_rng(seed)
    return [
        AskedQuestion(q, bool(random.random() < accuracy), int(tokens * random.uniform(0.8, 1.2)), tokens // 4)
        for q in range(questions)
    ]


PREDICTION = PredictedSaving(
    {(REFERENCE, FULL): (90, 4000), ("best", 0.2): (70, 400), ("best", 0.3): (91, 900), ("best", 0.4): (95, 2000)},
    78.0, (60.0, None),
)  # fmt: skip


def test_report_sets_live_and_replay_side_by_side() -> None:
    reference = live_sample(FULL, asked(0.9, 4000, 1))
    curve = [live_sample(0.2, asked(0.6, 400, 2)), live_sample(0.3, asked(0.97, 1000, 3))]
    text = "\n".join(report((REFERENCE, reference), ("best", curve), PREDICTION))
    assert "self_consistency at beta 1" in text and "best at beta 0.3" in text
    assert "91.0% with     900 tokens" in text and "replay predicted 78.0% [60, ?]" in text
    saved = float(text.partition("tokens saved ")[2].partition("%")[0])
    assert 60 < saved < 90


def test_an_accuracy_that_is_not_reached_saves_nothing() -> None:
    reference = live_sample(FULL, asked(1.0, 4000, 1))
    text = "\n".join(report((REFERENCE, reference), ("best", [live_sample(0.2, asked(0.3, 400, 2))]), PREDICTION))
    assert "tokens saved nothing: not reached [?, ?]" in text and "reached in 0% of the resamples" in text


def test_results_are_paired_only_if_every_question_was_asked_once_in_order() -> None:
    with pytest.raises(ValueError, match="every fresh question"):
        live_sample(0.5, asked(1, 10, 0)[1:])


@pytest.mark.parametrize(
    ("accuracies", "betas"),
    [
        ({0.1: 50, 0.2: 70, 0.3: 91, 0.4: 95}, [0.3, 0.4]),
        ({0.1: 95, 0.2: 96, 0.3: 97, 0.4: 98}, [0.1, 0.2]),
        ({0.1: 50, 0.2: 60, 0.3: 70, 0.4: 80}, [0.3, 0.4]),
        ({0.5: 95}, [0.5]),
    ],
)
def test_betas_around_the_accuracy_of_self_consistency_are_asked(
    accuracies: dict[float, float], betas: list[float]
) -> None:
    points = {("best", beta): (accuracy, 100.0) for beta, accuracy in accuracies.items()}
    assert betas_to_ask(PredictedSaving({(REFERENCE, FULL): (90, 4000), **points}, None, (None, None)), "best") == betas


def test_prediction_is_read_from_the_results_of_a_replay() -> None:
    results = {
        "rows": [{"controller": "best", "beta": 0.3, "accuracy_pct": 91, "mean_tokens": 900}],
        "reference": [{"accuracy_pct": 90, "mean_tokens": 4000}],
        "equal": [{"controller": "best", "equal": {"saved_pct": 78.0, "saved_ci": [60.0, None]}}],
    }
    found = predicted(results, "best")
    assert found.points == {("best", 0.3): (91, 900), (REFERENCE, FULL): (90, 4000)}
    assert (found.saved_pct, found.saved_ci) == (78.0, (60.0, None))


@pytest.mark.parametrize(
    ("seconds", "token_seconds", "tokens", "questions"),
    [(100, 0.001, 5000, 20), (100, 0.0001, 5000, 40), (100, 0.1, 5000, 8), (-5, 0.001, 5000, 8), (100, 0, 5000, 40)],
)
def test_as_many_fresh_questions_are_asked_as_there_is_time_for(
    seconds: float, token_seconds: float, tokens: float, questions: int
) -> None:
    assert questions_in(seconds, token_seconds, tokens, 40) == questions
