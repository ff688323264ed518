"""The grid, novelty, the choice of parents and the bandit, whatever the cards are."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from agent import population
from agent.archive.baselines import baseline_source
from agent.population import islands
from agent.population.bandit import draw
from agent.population.map_elites import edges, grid
from agent.population.novelty import novelty
from agent.population.parents import WAYS
from agent.population.program_form import program_shape
from agent.records.card import Card
from agent.records.version import Credit

from .populations import ISLANDS, SEEDS, archives, chosen, deeds, living, made, shapes

# The grid and novelty


@given(archives())
@settings(max_examples=40, deadline=None)
def test_a_cell_is_held_by_its_best(cards: list[Card]) -> None:
    at = population.budgets(cards)
    found = grid(cards, edges(cards), at)
    again = grid([*cards, made("perfect", 9, [(1.0, 100.0, 1.0)])], edges(cards), at)
    assert set(found) <= set(again) and all(card.ok for card in found.values())
    assert all(again[cell].id in (card.id, "perfect") for cell, card in found.items())


@given(st.lists(deeds, min_size=2, max_size=8))
@settings(max_examples=40, deadline=None)
def test_novelty_is_a_mean_of_distances(done: list[tuple[float, ...]]) -> None:
    cards = [*SEEDS, *(made(f"v{i}", 1, [(4000.0, 50.0, 500.0)], what) for i, what in enumerate(done))]
    far = novelty(cards, edges(cards), shapes)
    assert all(0 <= distance <= 2 for distance in far)
    twice = novelty([*cards, *cards], edges(cards), lambda version: {"same": 1})
    assert all(again <= distance + 1e-9 for again, distance in zip(twice, far, strict=False))


def test_a_shape_knows_neither_names_nor_constants() -> None:
    one = "def f(a):\n    return a + 1\n"
    assert program_shape(one) == program_shape("def g(b):\n    '''Doc.'''\n    return b + 25  # more\n")
    assert program_shape(one) != program_shape("def f(a):\n    return a + a + 1\n")
    assert program_shape("def f(:") == {} and sum(program_shape(baseline_source("confidence_momentum")).values()) > 100


# The choice of parents


@given(archives(), st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_parents_ran_and_are_ones_own(cards: list[Card], seed: int) -> None:
    able = {card.id for card in cards if card.ok and card.data}
    found = chosen(cards, seed)
    assert found == chosen(cards, seed) and len(found) == (6 if able else 0)
    assert {version for version, _ in found} <= able and {way for _, way in found} <= set(WAYS)


@given(archives(), st.integers(1, 8))
@settings(max_examples=40, deadline=None)
def test_a_run_that_was_resumed_chooses_as_if_it_had_not_been(cards: list[Card], generation: int) -> None:
    """All that the choice rests on comes back from the cards, as they lie in the archive."""
    read = [Card.model_validate_json(card.model_dump_json()) for card in cards if card.generation < generation]
    known = [card for card in cards if card.generation < generation]
    assert chosen(read) == chosen(known)
    for island in range(ISLANDS):
        assert living(read, island, ISLANDS, generation) == living(known, island, ISLANDS, generation)


def test_versions_from_before_behaviour_was_noted_can_be_parents() -> None:
    old = [card.model_copy(update={"behaviour": None}) for card in SEEDS]
    old += [made(f"v{i}", 1, [(4000.0 + i, 50.0 + i, 500.0)], behaviour=None) for i in range(3)]
    assert {way for _, way in chosen(old)} == {"front"} and len(chosen(old)) == 6


def test_a_card_from_before_there_were_islands_loads() -> None:
    document = SEEDS[0].model_dump(mode="json")
    for name in ("island", "behaviour", "arms"):
        del document[name]
    old = Card.model_validate(document)
    assert (old.island, old.behaviour, old.arms) == (None, None, ())
    assert old.ok and islands.native(old, 4) is None


def test_a_bandit_draws_what_has_won_and_forgets_nobody() -> None:
    chance = random.Random(5)
    credits = {"good": Credit(50, 9.0, 0.0, 10.0, 6.0), "bad": Credit(50, 0.0, 0.0, 10.0, 0.0)}
    drawn = Counter(draw(("good", "bad", "new"), credits, chance) for _ in range(600))
    assert drawn["good"] > drawn["bad"] > 10 and drawn["new"] > drawn["bad"]
    dear = {"cheap": Credit(50, 9.0, 0.0, 10.0, 3.0), "dear": Credit(50, 9.0, 50.0, 10.0, 3.0)}
    assert Counter(draw(("cheap", "dear"), dear, chance) for _ in range(300))["cheap"] > 200


def test_where_a_parent_comes_from_does_not_hang_on_what_calls_have_cost() -> None:
    def drawn(dollars: float, priced: bool) -> list[str]:
        credits = {"front": Credit(9, 1.0, dollars, 9.0, 4.0), "grid": Credit(9, 1.0, 0.1, 9.0, 4.0)}
        return [draw(("front", "grid"), credits, random.Random(seed), priced) for seed in range(40)]

    assert drawn(0.1, priced=False) == drawn(50.0, priced=False)
    assert drawn(0.1, priced=True) != drawn(50.0, priced=True)
