"""Fronts, hypervolume and credit: properties that hold for arbitrary cards."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.population.credit import by_arm
from autotts.agent.population.pareto import MOST_ELITES, attained_by
from autotts.agent.records.belief import Belief
from autotts.agent.records.card import Card
from autotts.agent.records.version import Cost, CurvePoint, ScalingCurve
from autotts.envs.statistics import Floats

from .populations import BASELINES, ISLANDS, archives, chosen, made, members_of


def attained_reference(curve: Sequence[CurvePoint], at: Floats) -> Floats:
    """Return what one curve attains, by a simple reference implementation of `population.attained`."""
    pairs = sorted((point.tokens, point.accuracy) for point in curve)
    tokens = np.array([max(1.0, tokens) for tokens, _ in pairs])
    best = np.maximum.accumulate([accuracy for _, accuracy in pairs])
    return np.interp(np.log(at), np.log(tokens), best) * np.minimum(1.0, at / tokens[0])


curves = st.lists(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 100)), max_size=12), max_size=5)


@given(curves, st.lists(st.floats(1, 1e6), min_size=1, max_size=5))
def test_attained_by_many_curves_equals_attained_by_each(
    pairs: list[list[tuple[float, float]]], at: list[float]
) -> None:
    lines = [[CurvePoint(0.0, accuracy, tokens, 1.0) for tokens, accuracy in line] for line in pairs]
    together = attained_by(lines, np.array(at))
    assert together.shape == (len(lines), len(at))
    for line, values in zip(lines, together, strict=True):
        alone = population.attained(ScalingCurve.of(line), np.array(at))
        assert alone.tobytes() == values.tobytes()
        assert values == pytest.approx(attained_reference(line, np.array(at)) if line else 0.0, rel=1e-12, abs=1e-12)


@given(archives(), st.booleans())
def test_points_of_many_curves_equal_those_of_each(cards: list[Card], latency: bool) -> None:
    within = population.space(cards, latency)
    points, owner = within.points_of([card.mean_curve for card in cards])
    for i, card in enumerate(cards):
        assert points[owner == i].tobytes() == within.points(tuple(card.mean_curve)).tobytes()


@settings(deadline=None)
@given(archives(), st.booleans())
def test_gains_sum_to_the_rise_of_a_front_built_one_version_at_a_time(cards: list[Card], latency: bool) -> None:
    within = population.space(cards, latency)
    front, gained = np.empty((0, 3 if latency else 2)), 0.0
    for card in sorted(cards, key=lambda card: (card.generation, card.id)):
        points = within.points(card.mean_curve)
        rise = within.volume(np.concatenate([front, points])) - within.volume(front)
        front = within.best(np.concatenate([front, points]))
        gained += rise if card.generation > 0 else 0.0
    credits = population.credits(cards, latency=latency)
    assert sum(credit.gain for credit in credits.values()) == pytest.approx(gained, abs=1e-6)


def test_scaling_curve_behaves_as_a_sequence_of_points() -> None:
    points = (CurvePoint(0.0, 10.0, 1000.0, 500.0), CurvePoint(1.0, 20.0, 2000.0, 900.0))
    curve = ScalingCurve.of(points)
    assert tuple(curve) == points and curve == points and curve[-1] == points[1] and curve[:1] == points[:1]
    assert len(curve) == 2 and hash(curve) == hash(ScalingCurve.of(list(points))) and ScalingCurve.of(curve) is curve
    assert ScalingCurve.of(()) == () and not ScalingCurve.of([]) and curve != 3 and curve != points[:1]
    assert type(curve[0].tokens) is float and eval(repr(curve).removeprefix("ScalingCurve")) == points
    with pytest.raises(IndexError):
        curve[2]


# Fronts


@given(archives(), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=60, deadline=None)
def test_results_do_not_depend_on_the_order_of_cards(cards: list[Card], rng: random.Random, latency: bool) -> None:
    other = rng.sample(cards, len(cards))
    assert [c.id for c in population.front(cards, latency=latency)] == [
        c.id for c in population.front(other, latency=latency)
    ]
    assert population.hypervolume(cards, latency) == pytest.approx(population.hypervolume(other, latency))
    assert population.credits(cards, by_arm, latency) == population.credits(other, by_arm, latency)
    for island in range(ISLANDS):
        here, there = (members_of(some, island, ISLANDS, 9, latency) for some in (cards, other))
        assert {card.id for card in here} == {card.id for card in there}
    assert chosen(cards) == chosen(other)


@given(archives(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_front_has_the_whole_hypervolume(cards: list[Card], latency: bool) -> None:
    whole = population.front(cards, most=len(cards), latency=latency)
    within = population.space(cards, latency)
    assert population.hypervolume([*BASELINES, *whole], latency) == pytest.approx(
        population.hypervolume(cards, latency)
    )
    # the choice is greedy: a version that was chosen early may add nothing beside those chosen later
    assert all(part >= -1e-9 for part in population.contributions(whole, within))
    frugal = [within.points(card.mean_curve)[:, 0].min() for card in whole]
    assert frugal == sorted(frugal)
    few = population.front(cards, most=2, latency=latency)
    assert len(few) <= 2 and {card.id for card in few} <= {card.id for card in whole}


@given(archives(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_hypervolume_never_falls(cards: list[Card], latency: bool) -> None:
    reached = [population.hypervolume(cards[:n], latency) for n in range(len(BASELINES), len(cards) + 1)]
    assert all(after >= before - 1e-9 for before, after in pairwise(reached))
    assert all(0 <= volume <= 100 for volume in reached)


def test_best_baseline_has_the_highest_measured_quality_regardless_of_beliefs() -> None:
    narrow, wide = BASELINES
    doubted = Belief(tuple(CurvePoint(p.beta, 1.0, p.tokens, p.latency) for p in narrow.mean_curve), 0.0, 0.0, ())
    baselines = [wide, narrow.model_copy(update={"belief": doubted})]
    cards = [*baselines, made("discovered", 1, [(1.0, 100.0, 1.0)]), made("failed", 0, [])]
    at = population.budgets(cards)
    best = population.best_baseline(cards, at)
    assert best is not None and population.quality(best, at) == max(population.quality(card, at) for card in baselines)
    assert population.ranked(baselines)[0].id == "wide" != best.id
    assert population.best_baseline(cards[2:], at) is None


def test_hypervolume_is_a_mean_accuracy_over_budgets() -> None:
    perfect = made("perfect", 1, [(1.0, 100.0, 1.0)])
    assert population.hypervolume([*BASELINES, perfect]) == pytest.approx(100)
    low, high = population.budgets(BASELINES)[[0, -1]]
    half = made("half", 1, [(float(np.sqrt(low * high)), 80.0, 1.0)])
    assert population.space(BASELINES).volume(population.space(BASELINES).points(half.mean_curve)) == pytest.approx(40)
    dear = made("dear", 1, [(float(high) * 2, 100.0, 1.0)])
    assert population.hypervolume([*BASELINES, dear]) == population.hypervolume(BASELINES), (
        "points beyond the budgets do not count"
    )


def test_latency_is_an_objective_only_on_request() -> None:
    slow = made("slow", 1, [(4000.0, 70.0, 4000.0)])
    quick = made("quick", 2, [(4000.0, 70.0, 600.0)])
    cards = [*BASELINES, slow, quick]
    assert [card.id for card in population.front(cards)] == ["slow"], "the first of equals is kept"
    assert {card.id for card in population.front(cards, latency=True)} >= {"quick"}
    assert population.hypervolume(cards) == population.hypervolume(cards[:-1])
    assert population.hypervolume(cards, latency=True) > population.hypervolume(cards[:-1], latency=True)


def test_front_is_limited_to_most_elites() -> None:
    steps = [made(f"v{i:02d}", 1, [(4100.0 * 1.1**i, 60.0 + i, 1000.0)]) for i in range(20)]
    assert len(population.front([*BASELINES, *steps])) == MOST_ELITES


@pytest.mark.parametrize("cards", [[], BASELINES[:1], [made("broken", 1, [])], [made("only", 1, [(0.0, 0.0, 0.0)])]])
def test_population_functions_accept_nearly_empty_populations(cards: list[Card]) -> None:
    for latency in (False, True):
        assert len(population.front(cards, latency=latency)) <= 1
        assert population.hypervolume(cards, latency) >= 0
        population.credits(cards, latency=latency)
    assert len(members_of(cards, 1, 4, 9)) == len([card for card in cards if card.island is None])
    assert chosen(cards) in ([], [("only", "front")] * 6) or all(version == "only" for version, _ in chosen(cards))


# Credit


def test_gains_add_up_and_wins_do_not_depend_on_order_within_a_generation() -> None:
    twins = [made(f"g1-{n}", 1, [(4000.0, 70.0, 1000.0)], arms=("front", f"arm {n}")) for n in range(2)]
    later = made("g2-0", 2, [(4000.0, 69.0, 1000.0)], arms=("arm 0",), cost=Cost(dollars=3.0))
    cards = [*BASELINES, *twins, later]
    credits = population.credits(cards, by_arm)
    whole = population.hypervolume(cards) - population.hypervolume(BASELINES)
    assert credits["arm 0"].gain == credits["front"].gain == pytest.approx(whole) and credits["arm 1"].gain == 0
    assert credits["arm 0"].wins == credits["arm 1"].wins == pytest.approx(0.9), "equal chances within a generation"
    assert credits["arm 0"].tries == pytest.approx(1.9)
    assert credits["arm 0"].proposals == 2 and credits["arm 0"].dollars == 3.0
    assert set(population.credits([*BASELINES, *twins, later])) == {"evolve"}
