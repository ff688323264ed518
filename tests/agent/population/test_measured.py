"""Columns of many versions give the same bits as the versions one by one."""

from __future__ import annotations

from array import array
from itertools import groupby

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.population import pareto
from autotts.agent.population.map_elites import BANDS, SIDES, edges, grid, scaled
from autotts.agent.population.measured import MeasuredVersions
from autotts.agent.records.belief import Belief
from autotts.agent.records.card import Card

from .populations import archives

pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


def table(points: list[tuple[int, int]]) -> np.ndarray:
    return np.array(points, float).reshape(-1, 2) / 9


@given(pairs, pairs)
def test_covered_points_are_equal_to_or_dominated_by_one_of_the_front(
    points: list[tuple[int, int]], front: list[tuple[int, int]]
) -> None:
    found = pareto.covered(table(points), table(front))
    assert found.tolist() == [any(a <= x and b <= y for a, b in front) for x, y in points]
    found = pareto.covered(table(points), table(front), True)
    assert found.tolist() == [any(a <= x and b < y for a, b in front) for x, y in points]


def test_the_front_of_many_points_is_that_of_all() -> None:
    import moocore

    points = np.round(np.random.default_rng(0).random((20_000, 2)), 2)  # with many equals
    near = pareto._near_front(points)
    best = moocore.is_nondominated(points, keep_weakly=True)
    assert near[best].all() and near.sum() < 2000
    assert (np.flatnonzero(near)[moocore.is_nondominated(points[near], keep_weakly=True)] == np.flatnonzero(best)).all()


@settings(deadline=None)
@given(archives(), st.data())
def test_the_columns_of_a_part_are_those_of_its_versions(cards: list[Card], data: st.DataObject) -> None:
    some = [
        card.model_copy(update={"belief": Belief(card.mean_curve, 1.0, 0.0, array("d", [1.0, float(i)]))})
        if card.ok and data.draw(st.booleans()) else card
        for i, card in enumerate(cards)
    ]  # fmt: skip
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(some), max_size=len(some))))
    within, whole = population.space(some), MeasuredVersions(some)
    if data.draw(st.booleans()):
        assert [whole.ran, whole.size, whole.generation, whole.noise, whole.points(within)] and whole.by_age()
    part = whole.part(chosen)
    alone = MeasuredVersions([card for card, there in zip(some, chosen, strict=True) if there])
    assert list(part) == list(alone)
    for name in ("ran", "generation", "size"):
        assert (getattr(part, name) == getattr(alone, name)).all()
    width = alone.noise.shape[1]
    assert (part.noise[:, :width] == alone.noise).all() and not part.noise[:, width:].any()
    assert part.believed.values.tobytes() == alone.believed.values.tobytes()
    assert part.believed.ends.tolist() == alone.believed.ends.tolist()
    for a, b in zip(part.points(within), alone.points(within), strict=True):
        assert a.tobytes() == b.tobytes()


@settings(deadline=None)
@given(archives(), st.booleans())
def test_gains_are_those_of_versions_taken_one_by_one(cards: list[Card], latency: bool) -> None:
    within = population.space(cards, latency)
    front, volume, largest, expected = np.empty((0, 3 if latency else 2)), 0.0, 0.0, []
    ordered = sorted(cards, key=lambda card: (card.generation, card.id))
    for generation, group in groupby(ordered, key=lambda card: card.generation):
        some = [(card, within.points(card.believed_curve)) for card in group]
        new = [(card, points) for card, points in some if not pareto.covered(points, front).all()]
        rises = {card.id: within.volume(np.concatenate([front, points])) - volume for card, points in new}
        rises = {id: rise if rise > pareto.ROUNDING else 0.0 for id, rise in rises.items()}
        if generation > 0:
            largest = max([largest * 0.9, *rises.values()])
        for card, points in some:
            before = volume
            if card.id in rises:
                front = within.best(np.concatenate([front, points]))
                volume = within.volume(front)
            won = rises[card.id] / largest if rises.get(card.id) and generation > 0 else 0.0
            expected.append((card.id, volume - before if volume - before > pareto.ROUNDING else 0.0, won))
    found = population.gains(cards, latency)
    ids = [card.id for card in found.cards]
    assert list(zip(ids, found.gain.tolist(), found.won.tolist(), strict=True)) == expected


@given(archives(), st.randoms(use_true_random=False))
def test_the_first_of_equals_is_the_elite_of_a_cell(cards: list[Card], rng) -> None:  # type: ignore[no-untyped-def]
    at = population.budgets(cards)
    order = rng.sample(range(len(cards)), len(cards))
    between, bands = edges(cards), np.geomspace(at[0], at[-1], 2 * BANDS + 1)[1::2]
    expected: dict[tuple[int, ...], tuple[float, Card]] = {}
    for card in (cards[i] for i in order):
        if card.ok and card.behaviour is not None:
            place = np.minimum(SIDES - 1, np.floor(scaled([card], between) * SIDES)).astype(int)[0].tolist()
            for band, accuracy in enumerate(population.attained(card.believed_curve, bands).tolist()):
                if (*place, band) not in expected or accuracy > expected[*place, band][0]:
                    expected[*place, band] = (accuracy, card)
    assert grid(cards, between, at, order) == {cell: card for cell, (_, card) in sorted(expected.items())}
