"""The grid, novelty, parent selection and the bandit, for arbitrary cards."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.archive.baselines import baseline_source
from autotts.agent.population import islands
from autotts.agent.population.bandit import draw
from autotts.agent.population.map_elites import edges, grid
from autotts.agent.population.novelty import novelty
from autotts.agent.population.parents import WAYS
from autotts.agent.population.program_form import program_shape
from autotts.agent.records.card import Card
from autotts.agent.records.version import Credit

from .populations import BASELINES, ISLANDS, archives, behaviours, chosen, made, members_of, shapes

# The grid and novelty


@given(archives())
@settings(max_examples=40, deadline=None)
def test_each_cell_holds_its_most_accurate_version(cards: list[Card]) -> None:
    at = population.budgets(cards)
    cells = grid(cards, edges(cards), at)
    again = grid([*cards, made("perfect", 9, [(1.0, 100.0, 1.0)])], edges(cards), at)
    assert set(cells) <= set(again) and all(card.ok for card in cells.values())
    assert all(again[cell].id in (card.id, "perfect") for cell, card in cells.items())


@given(st.lists(behaviours, min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_novelty_is_a_mean_distance_and_a_copy_lowers_it(rows: list[tuple[float, ...]]) -> None:
    cards = [*BASELINES, *(made(f"v{i}", 1, [(4000.0, 50.0, 500.0)], row) for i, row in enumerate(rows))]
    distances = novelty(cards, edges(cards), shapes)
    assert all(0 <= distance <= 2 for distance in distances)
    twice = novelty([*cards, *cards], edges(cards), lambda version: {"same": 1})
    assert all(again <= distance + 1e-9 for again, distance in zip(twice, distances, strict=False))


def test_program_shape_ignores_names_and_constants() -> None:
    one = "def f(a):\n    return a + 1\n"
    assert program_shape(one) == program_shape("def g(b):\n    '''Doc.'''\n    return b + 25  # more\n")
    assert program_shape(one) != program_shape("def f(a):\n    return a + a + 1\n")
    assert program_shape("def f(:") == {} and sum(program_shape(baseline_source("confidence_momentum")).values()) > 100


# Parent selection


@given(archives(), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_parents_ran_and_carry_explorer_data(cards: list[Card], seed: int) -> None:
    able = {card.id for card in cards if card.ok and card.data}
    parents = chosen(cards, seed)
    assert parents == chosen(cards, seed) and len(parents) == (6 if able else 0)
    assert {version for version, _ in parents} <= able and {way for _, way in parents} <= set(WAYS)


@given(archives(), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_resumed_run_selects_the_same_parents(cards: list[Card], generation: int) -> None:
    """The selection depends only on cards, and cards survive the round trip to JSON."""
    read = [Card.model_validate_json(card.model_dump_json()) for card in cards if card.generation < generation]
    original = [card for card in cards if card.generation < generation]
    assert chosen(read) == chosen(original)
    for island in range(ISLANDS):
        assert members_of(read, island, ISLANDS, generation) == members_of(original, island, ISLANDS, generation)


def test_old_cards_without_behaviour_can_be_parents() -> None:
    old = [card.model_copy(update={"behaviour": None}) for card in BASELINES]
    old += [made(f"v{i}", 1, [(4000.0 + i, 50.0 + i, 500.0)], behaviour=None) for i in range(3)]
    assert {way for _, way in chosen(old)} == {"front"} and len(chosen(old)) == 6


def test_old_card_without_island_loads() -> None:
    document = BASELINES[0].model_dump(mode="json")
    for name in ("island", "behaviour", "arms"):
        del document[name]
    old = Card.model_validate(document)
    assert (old.island, old.behaviour, old.arms) == (None, None, ())
    assert old.ok and islands.native(old, 4) is None


def test_bandit_prefers_winning_and_cheap_arms_but_draws_all() -> None:
    rng = random.Random(5)
    credits = {"good": Credit(50, 9.0, 0.0, 10.0, 6.0), "bad": Credit(50, 0.0, 0.0, 10.0, 0.0)}
    drawn = Counter(draw(("good", "bad", "new"), credits, rng) for _ in range(600))
    assert drawn["good"] > drawn["bad"] > 10 and drawn["new"] > drawn["bad"]
    dear = {"cheap": Credit(50, 9.0, 0.0, 10.0, 3.0), "dear": Credit(50, 9.0, 50.0, 10.0, 3.0)}
    assert Counter(draw(("cheap", "dear"), dear, rng) for _ in range(300))["cheap"] > 200


def test_unpriced_draws_do_not_depend_on_costs() -> None:
    def drawn(dollars: float, priced: bool) -> list[str]:
        credits = {"front": Credit(9, 1.0, dollars, 9.0, 4.0), "grid": Credit(9, 1.0, 0.1, 9.0, 4.0)}
        return [draw(("front", "grid"), credits, random.Random(seed), priced) for seed in range(40)]

    assert drawn(0.1, priced=False) == drawn(50.0, priced=False)
    assert drawn(0.1, priced=True) != drawn(50.0, priced=True)
