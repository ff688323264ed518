"""Contributions: their mean is the quality, their sum over a part comes close to that of the part, files keep them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.population import attained
from agent.population.overfitting.contributions import (
    Contribution,
    cell_weights,
    contributions,
    contributions_by,
    joined,
    panel,
    slopes,
)
from agent.population.overfitting.question_results import QuestionResults
from agent.records.version import CurvePoint
from envs.episodes import grid
from envs.scoring import score
from envs.statistics import curve
from envs.synthetic.model import default_environments

from ....environments import play, scripted
from .results import AT, figures, world

points = st.lists(
    st.tuples(st.floats(0, 30_000), st.floats(0, 100)), min_size=1, max_size=12
)  # tokens and accuracy; any order, ties and all


@settings(deadline=None)
@given(points)
def test_slopes_give_what_is_attained(found: list[tuple[float, float]]) -> None:
    tokens, accuracy = np.array(found).T
    value, by_accuracy, _ = slopes(tokens, accuracy, AT)
    expected = attained([CurvePoint(0.0, y, x, 0.0) for x, y in found], AT)
    assert value == pytest.approx(expected, abs=1e-6)
    assert by_accuracy @ accuracy == pytest.approx(value, abs=1e-6)  # it is linear in the accuracies


def test_slopes_are_derivatives() -> None:
    chance = np.random.default_rng(0)
    for _ in range(50):
        tokens = np.cumsum(chance.uniform(1_500, 4_000, 6))  # well apart, so that no kink is met
        accuracy = np.sort(chance.uniform(20, 80, 6))
        value, by_accuracy, by_tokens = slopes(tokens, accuracy, AT)
        for k in range(6):
            one = np.arange(6) == k
            assert (slopes(tokens, accuracy + 1e-6 * one, AT)[0] - value) / 1e-6 == pytest.approx(
                by_accuracy[:, k], abs=1e-3
            )
            changed = (slopes(tokens * np.exp(1e-7 * one), accuracy, AT)[0] - value) / 1e-7
            steep = np.abs(changed - by_tokens[:, k]) > 1e-2 * np.maximum(1, np.abs(changed))
            assert steep.mean() < 0.5  # where two points are nearer than two budgets, it is less steep on purpose


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_the_mean_is_the_quality(seed: int, sizes: list[int]) -> None:
    made = world(seed, 2, sizes)
    these = panel(made.figures, AT)
    assert these.weights.sum() == pytest.approx(1)
    for version, row in zip(made.figures, these.values, strict=True):
        by_environment = [version.environment == e for e in range(len(sizes))]
        means = [np.mean([table[:, mine].mean(axis=1) for mine in by_environment], axis=0) for table in
                 (100 * version.right, version.tokens)]  # fmt: skip
        points = [CurvePoint(0.0, a, t, 0.0) for a, t in zip(*means, strict=True)]
        assert row @ these.weights == pytest.approx(attained(points, AT).mean())
        assert contributions(version, AT).mean(axis=0) == pytest.approx(row)


def test_a_contribution_says_what_it_is_of() -> None:
    one, two = (Contribution.of(each, AT, 0.25) for each in world(0, 2, [3]).figures[:2])
    assert one.cells is two.cells and (joined([one, two]).values == [one.values, two.values]).all()
    assert one.holds(AT, 0.25) and not one.holds(AT / 2, 0.25) and not one.holds(AT, 0.3)
    assert one.values.base is None  # or all the figures would be kept with it


def test_a_part_of_the_questions_has_nearly_the_quality_of_its_contributions() -> None:
    chance = np.random.default_rng(3)
    made = world(1, 12, [30, 30], effect=0.05, orders=40)
    whole = panel(made.figures, AT)
    part = np.isin(whole.question, chance.choice(30, 24, replace=False))
    exact = [contributions_by(f, AT, whole.weights * part).mean(axis=0)[part].mean() for f in made.figures]
    near = whole.values[:, part].mean(axis=1)
    moved = np.std(np.array(exact) - whole.values.mean(axis=1))
    assert np.std(np.array(exact) - near) < 0.35 * moved
    assert np.corrcoef(exact, near)[0, 1] > 0.995


def test_figures_are_the_means_of_the_curve_and_their_file_is_exact() -> None:
    environments = default_environments(questions=3, branches=6)[:2]
    episodes = grid(environments, [0.0, 0.5, 1.0], range(1000, 1003))
    asks = scripted(lambda question, beta: question.run_to_end(question.branch_many(1 + round(4 * beta))[-1]))
    scores = score(episodes, play(asks, episodes))
    found = QuestionResults.of(scores)
    for point in curve(scores):
        if point.environment in found.environments:
            mine = found.environment == found.environments.index(point.environment)
            row = found.betas.tolist().index(point.beta)
            assert 100 * found.right[row, mine].mean() == pytest.approx(point.accuracy_pct)
            assert found.tokens[row, mine].mean() == pytest.approx(point.mean_tokens)
    again = QuestionResults.unpack(found.pack())
    assert again.pack() == found.pack() and again.environments == found.environments
    assert all(np.array_equal(getattr(again, name), getattr(found, name)) for name in ("right", "tokens", "question"))
    with pytest.raises(Exception):  # noqa: B017  # whatever its readers raise
        QuestionResults.unpack(found.pack()[:-30])


def test_simulated_environments_have_the_stated_weight() -> None:
    table = np.zeros((2, 9))
    made = figures(table, table, [3, 2, 4], ["a/b", "c", "simulated/1-harder/c"])
    weights = cell_weights(made, 0.3)
    assert weights[5:].sum() == pytest.approx(0.3) and weights[:3].sum() == pytest.approx(0.35)
    these = panel([made], AT, 0.3)
    assert these.recorded.tolist() == [True] * 5 + [False] * 4
    assert these.origin.tolist() == [0] * 3 + [1] * 6
    assert cell_weights(figures(table[:, :3], table[:, :3], [3]), 0.3).sum() == pytest.approx(1)
