"""Contributions: their mean is the quality, also approximately on a part of the questions; files are lossless."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.population import attained
from autotts.agent.population.overfitting.contributions import (
    Contribution,
    cell_weights,
    contributions,
    contributions_by,
    joined,
    panel,
    slopes,
)
from autotts.agent.population.overfitting.question_results import QuestionResults
from autotts.agent.records.version import CurvePoint
from autotts.envs.episodes import grid
from autotts.envs.scoring import score
from autotts.envs.statistics import curve
from autotts.envs.synthetic.model import default_environments

from ....environments import play, scripted
from .results import AT, question_results, simulate_versions

points = st.lists(
    st.tuples(st.floats(0, 30_000), st.floats(0, 100)), min_size=1, max_size=12
)  # tokens and accuracy, in any order, possibly with ties


@settings(deadline=None)
@given(points)
def test_slopes_value_equals_attained(pairs: list[tuple[float, float]]) -> None:
    tokens, accuracy = np.array(pairs).T
    value, by_accuracy, _ = slopes(tokens, accuracy, AT)
    expected = attained([CurvePoint(0.0, y, x, 0.0) for x, y in pairs], AT)
    assert value == pytest.approx(expected, abs=1e-6)
    assert by_accuracy @ accuracy == pytest.approx(value, abs=1e-6)  # it is linear in the accuracies


def test_slopes_are_derivatives() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        tokens = np.cumsum(rng.uniform(1_500, 4_000, 6))  # far apart, so that no point lies at a kink
        accuracy = np.sort(rng.uniform(20, 80, 6))
        value, by_accuracy, by_tokens = slopes(tokens, accuracy, AT)
        for k in range(6):
            one = np.arange(6) == k
            assert (slopes(tokens, accuracy + 1e-6 * one, AT)[0] - value) / 1e-6 == pytest.approx(
                by_accuracy[:, k], abs=1e-3
            )
            changed = (slopes(tokens * np.exp(1e-7 * one), accuracy, AT)[0] - value) / 1e-7
            steep = np.abs(changed - by_tokens[:, k]) > 1e-2 * np.maximum(1, np.abs(changed))
            assert steep.mean() < 0.5  # between points nearer than two budgets, the slope is reduced on purpose


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_weighted_mean_of_contributions_is_the_quality(seed: int, sizes: list[int]) -> None:
    made = simulate_versions(seed, 2, sizes)
    these = panel(made.results, AT)
    assert these.weights.sum() == pytest.approx(1)
    for version, row in zip(made.results, these.values, strict=True):
        by_environment = [version.environment == e for e in range(len(sizes))]
        means = [np.mean([table[:, mine].mean(axis=1) for mine in by_environment], axis=0) for table in
                 (100 * version.right, version.tokens)]  # fmt: skip
        points = [CurvePoint(0.0, a, t, 0.0) for a, t in zip(*means, strict=True)]
        assert row @ these.weights == pytest.approx(attained(points, AT).mean())
        assert contributions(version, AT).mean(axis=0) == pytest.approx(row)


def test_contribution_holds_only_for_its_budgets_and_weight() -> None:
    one, two = (Contribution.of(each, AT, 0.25) for each in simulate_versions(0, 2, [3]).results[:2])
    assert one.cells is two.cells and (joined([one, two]).values == [one.values, two.values]).all()
    at, half = AT.tobytes(), (AT / 2).tobytes()
    assert one.holds(at, 0.25) and not one.holds(half, 0.25) and not one.holds(at, 0.3)
    assert one.values.base is None  # a view would keep all results in memory


def test_contributions_approximate_the_quality_on_a_part_of_the_questions() -> None:
    rng = np.random.default_rng(3)
    made = simulate_versions(1, 12, [30, 30], effect=0.05, orders=40)
    whole = panel(made.results, AT)
    part = np.isin(whole.question, rng.choice(30, 24, replace=False))
    exact = [contributions_by(f, AT, whole.weights * part).mean(axis=0)[part].mean() for f in made.results]
    near = whole.values[:, part].mean(axis=1)
    moved = np.std(np.array(exact) - whole.values.mean(axis=1))
    assert np.std(np.array(exact) - near) < 0.35 * moved
    assert np.corrcoef(exact, near)[0, 1] > 0.995


def test_question_results_match_the_curve_and_round_trip_exactly() -> None:
    environments = default_environments(questions=3, branches=6)[:2]
    episodes = grid(environments, [0.0, 0.5, 1.0], range(1000, 1003))
    asks = scripted(lambda question, beta: question.run_to_end(question.branch_many(1 + round(4 * beta))[-1]))
    scores = score(episodes, play(asks, episodes))
    results = QuestionResults.of(scores)
    for point in curve(scores):
        if point.environment in results.environments:
            mine = results.environment == results.environments.index(point.environment)
            row = results.betas.tolist().index(point.beta)
            assert 100 * results.right[row, mine].mean() == pytest.approx(point.accuracy_pct)
            assert results.tokens[row, mine].mean() == pytest.approx(point.mean_tokens)
    again = QuestionResults.unpack(results.pack())
    assert again.pack() == results.pack() and again.environments == results.environments
    assert all(np.array_equal(getattr(again, name), getattr(results, name)) for name in ("right", "tokens", "question"))
    with pytest.raises(Exception):  # noqa: B017  # any error of the zip and NumPy readers
        QuestionResults.unpack(results.pack()[:-30])


def test_simulated_environments_have_the_stated_weight() -> None:
    table = np.zeros((2, 9))
    made = question_results(table, table, [3, 2, 4], ["a/b", "c", "simulated/1-harder/c"])
    weights = cell_weights(made, 0.3)
    assert weights[5:].sum() == pytest.approx(0.3) and weights[:3].sum() == pytest.approx(0.35)
    these = panel([made], AT, 0.3)
    assert these.recorded.tolist() == [True] * 5 + [False] * 4
    assert these.origin.tolist() == [0] * 3 + [1] * 6
    assert cell_weights(question_results(table[:, :3], table[:, :3], [3]), 0.3).sum() == pytest.approx(1)
