"""Cross-validation and shrinkage separate luck from real differences, on simulated versions with known truth."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.population.overfitting.contributions import panel
from autotts.agent.population.overfitting.crossvalidation import CrossValidated, cross_validated
from autotts.agent.population.overfitting.shrinkage import MEAN, SELF, anchors_first, shrink
from autotts.agent.population.preference import preferred
from autotts.agent.records.complexity import UNKNOWN

from .results import AT, SimulatedVersions, question_results, simulate_versions

REPEATS = 12
HUNDREDTHS = st.integers(0, 10_000).map(lambda n: n / 100)  # no tiny values that vanish when added to a point


def validated(made: SimulatedVersions) -> CrossValidated:
    n = len(made.results)
    result = cross_validated(made.results, AT, [MEAN] * n, [0] * n, np.ones(n, bool))
    assert result is not None
    return result


@pytest.mark.parametrize(("versions", "sizes"), [(40, [30, 30, 30]), (40, [30])])
def test_lead_of_the_best_among_equal_versions_is_reported_as_optimism(versions: int, sizes: list[int]) -> None:
    claimed, real, strict, truth, inside = [], [], [], [], 0
    for seed in range(REPEATS):
        made = simulate_versions(seed, versions, sizes)
        result = validated(made)
        true = made.truth[result.version]
        claimed.append(result.optimism.value)
        real.append(result.searched.value - true)
        strict.append(result.strictest.value)
        truth.append(true)
        inside += result.optimism.interval[0] <= real[-1] <= result.optimism.interval[1]
    assert np.mean(real) > 0.8  # the search overestimates its best version
    assert np.mean(strict) < np.mean(truth)  # the strictest estimate does not exceed the truth
    assert np.mean(real) < np.mean(claimed) < 2 * np.mean(real)
    assert inside >= 0.75 * REPEATS


def test_truly_better_version_is_chosen_and_keeps_its_lead() -> None:
    made = simulate_versions(5, 10, [30, 30, 30], orders=16)
    better = simulate_versions(5, 10, [30, 30, 30], orders=16).results[3]
    made.results[3] = question_results(np.minimum(1, better.right + 0.15), better.tokens, [30] * 3)
    result = validated(made)
    assert result.version == 3
    assert abs(result.optimism.value) < 0.6
    for figure in (result.questions, result.models, result.both):
        assert figure is not None and figure.value > made.truth[0] + 10


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(8)))
def test_results_do_not_depend_on_the_order_of_versions(seed: int, order: list[int]) -> None:
    made = simulate_versions(seed, 8, [6, 6])
    moved = SimulatedVersions([made.results[v] for v in order], made.truth[order])
    one, two = validated(made), validated(moved)
    assert order[two.version] == one.version
    assert two.optimism.value == pytest.approx(one.optimism.value)
    assert shrink(panel(moved.results, AT), [MEAN] * 8).quality == pytest.approx(
        shrink(panel(made.results, AT), [MEAN] * 8).quality[list(order)]
    )


def test_with_few_questions_estimates_are_missing_or_unshrunk() -> None:
    def of(sizes: list[int]) -> CrossValidated | None:
        made = simulate_versions(2, 6, sizes)
        return cross_validated(made.results, AT, [MEAN] * 6, [0] * 6, np.ones(6, bool))

    assert of([1]) is None and of([1, 1]) is None  # one question gives no variance between questions
    two = of([2])
    assert two is not None and two.models is None and two.both is None and two.strictest is two.questions
    both = of([2, 1])
    assert both is not None and both.both is not None and np.isfinite(both.both.value)
    alone = shrink(panel(simulate_versions(2, 6, [1]).results, AT), [MEAN] * 6)
    assert alone.factor.tolist() == [1] * 6 and alone.error.tolist() == [0] * 6  # no shrinkage
    one = simulate_versions(3, 1, [5])
    assert shrink(panel(one.results, AT), [SELF]).factor.tolist() == [1]
    assert shrink(panel(one.results, AT), [MEAN]).quality == pytest.approx(panel(one.results, AT).values.mean())


def test_only_candidates_can_be_chosen() -> None:
    made = simulate_versions(4, 6, [30, 30, 30])
    for v in range(6):
        result = cross_validated(made.results, AT, [MEAN] * 6, [0] * 6, np.arange(6) == v)
        assert result is not None and result.version == v
        # without a choice optimism is near 0: only the points of the curve are still selected on other questions
        assert abs(result.optimism.value) < 1.2


def test_equal_versions_shrink_together_and_small_lucky_gains_do_not_add_up() -> None:
    made = simulate_versions(0, 30, [30, 30])
    these = panel(made.results, AT)
    raw = these.values @ these.weights
    result = shrink(these, [MEAN] * 30)
    assert np.ptp(result.quality) < 0.45 * np.ptp(raw)
    assert result.quality.mean() == pytest.approx(raw.mean(), abs=0.5)
    rising = np.argsort(raw).tolist()  # a lineage in which each child is slightly luckier than its parent
    anchors = [MEAN] * 30
    for parent, child in pairwise(rising):
        anchors[child] = parent
    chained = shrink(these, anchors).quality
    assert chained.max() - chained[rising[0]] < 0.2 * np.ptp(raw)
    kept = shrink(these, [SELF] * 30)
    assert kept.quality == pytest.approx(raw) and kept.error.tolist() == [0] * 30


@settings(deadline=None)
@given(st.lists(st.integers(-2, 9), min_size=10, max_size=10))
def test_anchors_first_lists_each_version_once_and_after_its_anchor(anchors: list[int]) -> None:
    order = anchors_first(anchors)
    assert sorted(order) == list(range(10))
    acyclic = [v for v in range(10) if not _in_a_cycle(v, anchors)]
    assert all(anchors[v] < 0 or order.index(anchors[v]) < order.index(v) for v in acyclic)


def _in_a_cycle(version: int, anchors: list[int]) -> bool:
    seen = set()
    while version >= 0:
        if version in seen:
            return True
        seen.add(version)
        version = anchors[version]
    return False


def test_lead_that_may_be_noise_counts_less_for_a_more_complicated_version() -> None:
    noise = np.array([[0.3, 0.4], [-0.3, 0.4], [0.3, -0.4]])  # errors against the first: 0.6, 0.8; the median is 0.7
    assert preferred(np.array([60.0, 59.5, 59.0]), noise, [99, 9, 9]) == [1, 0, 2]
    assert preferred(np.array([60.0, 59.2, 59.0]), noise, [99, 9, 9]) == [0, 1, 2]  # a longer lead wins
    assert preferred(np.array([60.0, 59.6, 59.5]), noise, [99, 32, 9]) == [
        2,
        0,
        1,
    ]  # half complexity, half error
    assert preferred(np.array([60.0, 59.5, 59.0]), 0 * noise, [99, 9, 9]) == [0, 1, 2]
    assert preferred(np.array([60.0, 60.0, 60.0]), 0 * noise, [9, 1, 1]) == [1, 2, 0]
    assert preferred(np.array([60.0, 59.9, 59.8]), noise, [UNKNOWN, 9, UNKNOWN]) == [0, 1, 2]
    assert preferred(np.array([60.0, 59.9, 59.8]), noise, [UNKNOWN] * 3) == [0, 1, 2]
    assert preferred(np.array([]), np.empty((0, 2)), []) == []
    assert preferred(np.array([50.0]), np.empty((1, 0)), [3]) == [0]


@settings(deadline=None)
@given(st.lists(st.tuples(HUNDREDTHS, st.integers(0, 200)), min_size=1, max_size=8), st.randoms())
def test_preference_does_not_depend_on_the_order_of_versions(versions: list[tuple[float, int]], random) -> None:  # type: ignore[no-untyped-def]
    noise = {pair: np.random.default_rng(hash(pair) % 2**32).normal(size=3) for pair in versions}

    def order(pairs: list[tuple[float, int]]) -> list[tuple[float, int]]:
        quality, size = np.array([q for q, _ in pairs]), [s for _, s in pairs]
        return [pairs[v] for v in preferred(quality, np.stack([noise[pair] for pair in pairs]), size)]

    moved = random.sample(sorted(set(versions)), len(set(versions)))
    best = max(q for q, _ in versions)
    if sum(q == best for q, _ in moved) == 1:  # with ties, the error depends on which best version is the reference
        assert order(moved) == order(sorted(set(versions)))
