"""Cross-validation and shrinkage: luck is told from merit, where the truth is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.population.overfitting.contributions import panel
from agent.population.overfitting.crossvalidation import CrossValidated, cross_validated
from agent.population.overfitting.shrinkage import MEAN, SELF, anchors_first, shrink
from agent.population.preference import preferred
from agent.records.complexity import UNKNOWN

from .results import AT, World, figures, world

REPEATS = 12
HUNDREDTHS = st.integers(0, 10_000).map(lambda n: n / 100)  # 1e-99 added to a point is nothing


def validated(made: World) -> CrossValidated:
    n = len(made.figures)
    found = cross_validated(made.figures, AT, [MEAN] * n, [0] * n, np.ones(n, bool))
    assert found is not None
    return found


@pytest.mark.parametrize(("versions", "sizes"), [(40, [30, 30, 30]), (40, [30])])
def test_where_all_are_equally_good_the_lead_of_the_best_is_called_optimism(versions: int, sizes: list[int]) -> None:
    claimed, real, strict, truth, inside = [], [], [], [], 0
    for seed in range(REPEATS):
        made = world(seed, versions, sizes)
        found = validated(made)
        true = made.truth[found.version]
        claimed.append(found.optimism.value)
        real.append(found.searched.value - true)
        strict.append(found.strictest.value)
        truth.append(true)
        inside += found.optimism.interval[0] <= real[-1] <= found.optimism.interval[1]
    assert np.mean(real) > 0.8  # the search has fooled itself
    assert np.mean(strict) < np.mean(truth)  # and what is claimed does not exceed the truth
    assert np.mean(real) < np.mean(claimed) < 2 * np.mean(real)
    assert inside >= 0.75 * REPEATS


def test_where_one_is_truly_better_it_is_found_and_keeps_its_lead() -> None:
    made = world(5, 10, [30, 30, 30], orders=16)
    better = world(5, 10, [30, 30, 30], orders=16).figures[3]
    made.figures[3] = figures(np.minimum(1, better.right + 0.15), better.tokens, [30] * 3)
    found = validated(made)
    assert found.version == 3
    assert abs(found.optimism.value) < 0.6
    for figure in (found.questions, found.models, found.both):
        assert figure is not None and figure.value > made.truth[0] + 10


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.permutations(range(8)))
def test_the_order_of_the_versions_does_not_matter(seed: int, order: list[int]) -> None:
    made = world(seed, 8, [6, 6])
    moved = World([made.figures[v] for v in order], made.truth[order])
    one, two = validated(made), validated(moved)
    assert order[two.version] == one.version
    assert two.optimism.value == pytest.approx(one.optimism.value)
    assert shrink(panel(moved.figures, AT), [MEAN] * 8).quality == pytest.approx(
        shrink(panel(made.figures, AT), [MEAN] * 8).quality[list(order)]
    )


def test_few_questions() -> None:
    def of(sizes: list[int]) -> CrossValidated | None:
        made = world(2, 6, sizes)
        return cross_validated(made.figures, AT, [MEAN] * 6, [0] * 6, np.ones(6, bool))

    assert of([1]) is None and of([1, 1]) is None  # one question: nothing says how questions differ
    two = of([2])
    assert two is not None and two.models is None and two.both is None and two.strictest is two.questions
    both = of([2, 1])
    assert both is not None and both.both is not None and np.isfinite(both.both.value)
    alone = shrink(panel(world(2, 6, [1]).figures, AT), [MEAN] * 6)
    assert alone.factor.tolist() == [1] * 6 and alone.error.tolist() == [0] * 6  # figures stand as they are
    one = world(3, 1, [5])
    assert shrink(panel(one.figures, AT), [SELF]).factor.tolist() == [1]
    assert shrink(panel(one.figures, AT), [MEAN]).quality == pytest.approx(panel(one.figures, AT).values.mean())


def test_only_candidates_are_chosen() -> None:
    made = world(4, 6, [30, 30, 30])
    for v in range(6):
        found = cross_validated(made.figures, AT, [MEAN] * 6, [0] * 6, np.arange(6) == v)
        assert found is not None and found.version == v
        # without a choice there is next to no optimism: only the knob's points are still chosen on other questions
        assert abs(found.optimism.value) < 1.2


def test_equal_versions_are_drawn_together_and_small_lucky_gains_do_not_add_up() -> None:
    made = world(0, 30, [30, 30])
    these = panel(made.figures, AT)
    raw = these.values @ these.weights
    found = shrink(these, [MEAN] * 30)
    assert np.ptp(found.quality) < 0.45 * np.ptp(raw)
    assert found.quality.mean() == pytest.approx(raw.mean(), abs=0.5)
    rising = np.argsort(raw).tolist()  # a lineage in which every child is a little luckier than its parent
    anchors = [MEAN] * 30
    for parent, child in pairwise(rising):
        anchors[child] = parent
    chained = shrink(these, anchors).quality
    assert chained.max() - chained[rising[0]] < 0.2 * np.ptp(raw)
    kept = shrink(these, [SELF] * 30)
    assert kept.quality == pytest.approx(raw) and kept.error.tolist() == [0] * 30


@settings(deadline=None)
@given(st.lists(st.integers(-2, 9), min_size=10, max_size=10))
def test_every_version_comes_once_and_after_its_anchor(anchors: list[int]) -> None:
    order = anchors_first(anchors)
    assert sorted(order) == list(range(10))
    acyclic = [v for v in range(10) if not _in_a_circle(v, anchors)]
    assert all(anchors[v] < 0 or order.index(anchors[v]) < order.index(v) for v in acyclic)


def _in_a_circle(version: int, anchors: list[int]) -> bool:
    seen = set()
    while version >= 0:
        if version in seen:
            return True
        seen.add(version)
        version = anchors[version]
    return False


def test_a_lead_that_may_be_noise_counts_for_less_the_more_complicated_the_leader() -> None:
    noise = np.array([[0.3, 0.4], [-0.3, 0.4], [0.3, -0.4]])  # 0.6 and 0.8 from the first: the median is 0.7
    assert preferred(np.array([60.0, 59.5, 59.0]), noise, [99, 9, 9]) == [1, 0, 2]
    assert preferred(np.array([60.0, 59.2, 59.0]), noise, [99, 9, 9]) == [0, 1, 2]  # a longer lead is a lead
    assert preferred(np.array([60.0, 59.6, 59.5]), noise, [99, 32, 9]) == [2, 0, 1]  # halfway, half the error
    assert preferred(np.array([60.0, 59.5, 59.0]), 0 * noise, [99, 9, 9]) == [0, 1, 2]
    assert preferred(np.array([60.0, 60.0, 60.0]), 0 * noise, [9, 1, 1]) == [1, 2, 0]
    assert preferred(np.array([60.0, 59.9, 59.8]), noise, [UNKNOWN, 9, UNKNOWN]) == [0, 1, 2]
    assert preferred(np.array([60.0, 59.9, 59.8]), noise, [UNKNOWN] * 3) == [0, 1, 2]
    assert preferred(np.array([]), np.empty((0, 2)), []) == []
    assert preferred(np.array([50.0]), np.empty((1, 0)), [3]) == [0]


@settings(deadline=None)
@given(st.lists(st.tuples(HUNDREDTHS, st.integers(0, 200)), min_size=1, max_size=8), st.randoms())
def test_preference_does_not_depend_on_the_order(versions: list[tuple[float, int]], random) -> None:  # type: ignore[no-untyped-def]
    noise = {pair: np.random.default_rng(hash(pair) % 2**32).normal(size=3) for pair in versions}

    def order(pairs: list[tuple[float, int]]) -> list[tuple[float, int]]:
        quality, size = np.array([q for q, _ in pairs]), [s for _, s in pairs]
        return [pairs[v] for v in preferred(quality, np.stack([noise[pair] for pair in pairs]), size)]

    moved = random.sample(sorted(set(versions)), len(set(versions)))
    best = max(q for q, _ in versions)
    if sum(q == best for q, _ in moved) == 1:  # the error is that against the best
        assert order(moved) == order(sorted(set(versions)))
