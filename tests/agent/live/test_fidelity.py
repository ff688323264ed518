"""Live episodes against the prediction of replay."""

from __future__ import annotations

import numpy as np
import pytest

from autotts.agent.live.fidelity import LiveResult, compare_with_replay, live_table
from autotts.envs.errors import InputError


def drawn(shift: float, tokens: float, questions: int = 60, seed: int = 0) -> tuple[list[LiveResult], np.ndarray]:
    """Return live results of questions with known chances, and the prediction: shifted by points, scaled in tokens."""
    random = np.random.default_rng(seed)
    chance = random.uniform(0.2, 0.9, questions)
    length = random.uniform(500, 4000, questions)
    live = [
        LiveResult(q, bool(random.random() < chance[q]), int(length[q] * random.uniform(0.8, 1.2)), int(length[q] / 4))
        for q in range(questions)
    ]
    return live, np.stack([100 * chance + shift, length * tokens, length / 4], axis=1)


def test_live_episodes_that_follow_the_prediction_agree() -> None:
    found = [compare_with_replay(*drawn(0, 1, seed=seed), 0.5) for seed in range(20)]
    assert sum(each.agrees for each in found) >= 17  # of which one is expected to differ
    first = found[0]
    assert first.questions == first.episodes == 60
    assert (
        first.figure("accuracy").interval[0]
        < first.figure("accuracy").difference
        < first.figure("accuracy").interval[1]
    )
    assert first.sentence().startswith("live agrees with replay: accuracy agrees")


def test_other_accuracy_and_other_tokens_differ() -> None:
    worse = compare_with_replay(*drawn(40, 1), 0.5)
    assert not worse.agrees and worse.figure("tokens").agrees and worse.figure("accuracy").difference < -20
    assert "accuracy differs" in worse.sentence() and "tokens agree" in worse.sentence()
    dearer = compare_with_replay(*drawn(0, 0.7), 0.5)
    assert not dearer.agrees and dearer.figure("accuracy").agrees and dearer.figure("tokens").difference > 0
    assert dearer.sentence().startswith("live differs from replay")


def test_several_episodes_of_a_question_count_as_their_mean() -> None:
    results = [LiveResult(4, True, 100, 10), LiveResult(1, False, 50, 5), LiveResult(4, False, 300, 30)]
    questions, table = live_table(results)
    assert questions == [1, 4] and table.tolist() == [[0, 50, 5], [50, 200, 20]]
    predicted = np.array([[0, 0, 0], [0, 50, 5], [9, 9, 9], [9, 9, 9], [50, 100, 20]], float)
    found = compare_with_replay(results, predicted, 1.0)
    assert (found.questions, found.episodes) == (2, 3)
    assert found.figure("tokens").difference == 50 and found.figure("accuracy").agrees


def test_one_question_has_no_interval() -> None:
    with pytest.raises(InputError, match="an interval needs two"):
        compare_with_replay([LiveResult(0, True, 1, 1)], np.zeros((1, 3)), 0.5)
