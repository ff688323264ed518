"""Intervals, equal accuracy and ranks: compared with their definitions, and in edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.records.version import CurvePoint
from autotts.agent.reports.replay.comparisons import (
    TOKENS,
    bounds,
    compare_with_reference,
    fewest,
    tokens_at_equal_accuracy,
)
from autotts.agent.reports.replay.ranks import AHEAD, LOST, OPEN, TRANSFERRED, _correlation, _places, ranking
from autotts.agent.reports.replay.select import ReplayEntry
from autotts.envs.episodes import grid
from autotts.envs.scoring import Scores, score
from autotts.envs.statistics import QuestionSample, compare, curve, means, samples

from ....environments import RandomController, play, random_environment, scripted

POINTS = st.lists(st.tuples(st.floats(10, 1e6), st.floats(0, 100)), min_size=1, max_size=8)


def sample(accuracy: list[float], tokens: list[float], beta: float = 0.5) -> QuestionSample:
    """Return a sample of questions with these accuracies and tokens."""
    return QuestionSample("a/b", beta, (np.stack([accuracy, tokens, tokens], axis=1),), len(accuracy))


@settings(max_examples=300, deadline=None)
@given(points=POINTS, target=st.floats(0, 100))
def test_fewest_tokens_attain_the_target_accuracy(points: list[tuple[float, float]], target: float) -> None:
    tokens, accuracy = (np.array([column]) for column in zip(*points, strict=True))
    (result,) = fewest(tokens, accuracy, np.array([target]))
    curve = [CurvePoint(0, a, t, t) for t, a in points]
    if not np.isfinite(result):
        assert max(a for _, a in points) < target
        return
    first = min(t for t, _ in points)
    attained = population.attained(curve, np.array([result, result * (1 - 1e-6)]))
    assert attained[0] >= target - 1e-6 and first * (1 - 1e-9) <= result <= max(t for t, _ in points) * (1 + 1e-9)
    if result > first * 1.001:
        assert attained[1] <= target + 1e-6


def test_reference_saves_nothing_against_itself() -> None:
    base = sample([100.0, 0.0, 50.0, 100.0], [900.0, 1000.0, 1100.0, 400.0])
    result, other = tokens_at_equal_accuracy([base], base), compare_with_reference(base, base)
    assert (result.saved_pct, result.saved_ci, result.reached_pct) == (pytest.approx(0), pytest.approx((0, 0)), 100)
    assert (other.gain, other.gain_ci, other.saved_pct, other.outcomes) == (0, (0, 0), 0, "====")


def test_half_the_tokens_at_equal_accuracy_save_exactly_half() -> None:
    base = sample([100.0, 0.0, 100.0, 50.0], [900.0, 1000.0, 1100.0, 400.0])
    half = sample([100.0, 0.0, 100.0, 50.0], [450.0, 500.0, 550.0, 200.0])
    assert tokens_at_equal_accuracy([half], base).saved_ci == pytest.approx((50, 50))


def test_unreached_accuracy_gives_none() -> None:
    base, poor = sample([100.0] * 4, [1000.0] * 4), sample([100.0, 100.0, 100.0, 0.0], [10.0] * 4)
    result = tokens_at_equal_accuracy([poor], base)
    assert result.tokens is None and result.saved_pct is None and result.saved_ci[0] is None
    assert 0 < result.reached_pct < 60  # in resamples without the failed question
    assert compare_with_reference(poor, base).outcomes == "===-"


def test_infinite_interval_end_is_none() -> None:
    assert bounds(np.array([-np.inf] * 10 + [50.0] * 90)) == (None, 50.0)
    assert bounds(np.array([np.inf] * 100)) == (None, None)


def scores(seed: int) -> tuple[Scores, Scores]:
    """Return the scores of two random controllers on the same two environments."""
    from random import Random

    environments = [random_environment(Random(seed + i), questions=q, name=f"w/{i}") for i, q in ((0, 3), (1, 5))]
    episodes = grid(environments, (0.0, 1.0), range(3))
    stop = scripted(lambda question, beta: question.run_to_end(question.branch()))
    return score(episodes, play(RandomController, episodes)), score(episodes, play(stop, episodes))


@pytest.mark.parametrize("seed", range(5))
def test_samples_agree_with_points_and_comparisons(seed: int) -> None:
    first, second = scores(seed)
    result = samples(first)
    assert [s.point() for s in (*result, *means(result))] == curve(first)
    others = samples(second)
    pairs = zip((*result, *means(result)), (*others, *means(others)), compare(second, first), strict=True)
    for one, other, difference in pairs:
        seen = compare_with_reference(other, one)
        assert seen.gain == pytest.approx(difference.accuracy_pct)
        assert seen.gain_ci == pytest.approx(difference.accuracy_ci)
        counts = tuple(seen.outcomes.count(sign) for sign in "+=-")
        assert counts == (difference.wins, difference.ties, difference.losses)
        assert seen.saved_pct == pytest.approx(100 * (1 - other.centre[TOKENS] / max(1e-9, one.centre[TOKENS])))


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=9))
def test_equals_share_their_mean_rank(values: list[int]) -> None:
    (places,) = _places(np.array([values], float)).tolist()
    for value, place in zip(values, places, strict=True):
        above, same = sum(v > value for v in values), values.count(value)
        assert place == above + (same + 1) / 2


def test_correlation_in_edge_cases() -> None:
    row = np.array([[1.0, 2.0, 3.0, 4.0]])
    rows = np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0], [2.5] * 4])
    assert _correlation(rows, row).tolist() == pytest.approx([1, -1, 0])


def test_verdicts_follow_the_intervals_of_gains() -> None:
    def entry(label: str, baseline: bool = False) -> ReplayEntry:
        return ReplayEntry(label, "", baseline, None)

    plain = [40.0, 60.0, 50.0, 50.0, 70.0, 30.0]
    gains = {"base": [0] * 6, "better": [20] * 6, "worse": [-20] * 6, "mixed": [30, -30, 20, -20, 10, -5]}
    curves = {
        label: [sample([a + g for a, g in zip(plain, gain, strict=True)], [t] * 6) for t in (1000.0, 2000.0)]
        for label, gain in gains.items()
    }
    entries = [entry("better"), entry("worse"), entry("mixed"), entry("failed"), entry("base", True)]
    result = ranking(entries, curves, [], held_out=True)
    assert result is not None and result.best_baseline == "base" and result.spearman is None
    verdicts = {rank.controller: rank.gain.verdict for rank in result.ranks if rank.gain}
    assert verdicts == {"better": TRANSFERRED, "worse": LOST, "mixed": OPEN}
    assert result.ranks[0].controller == "better" and result.ranks[-1].controller == "worse"
    seen = ranking(entries, curves, [], held_out=False)
    assert seen is not None and [rank.gain.verdict for rank in seen.ranks if rank.gain] == [AHEAD, OPEN, LOST]
    assert ranking(entries[:1], curves, [], True) is None
    assert ranking(entries, {label: curve[:1] for label, curve in curves.items()}, [], True) is None
