"""Islands: properties that hold for arbitrary cards."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from autotts.agent.population import islands
from autotts.agent.records.card import Card

from .populations import BASELINES, ISLANDS, archives, made, members_of


@given(archives())
@settings(max_examples=60, deadline=None)
def test_each_version_starts_on_its_own_island_or_on_all(cards: list[Card]) -> None:
    first = [members_of(cards, island, ISLANDS, islands.EVERY) for island in range(ISLANDS)]
    for card in cards:
        homes = [island for island, members in enumerate(first) if card in members]
        assert homes == ([card.island] if card.island is not None else list(range(ISLANDS)))


@given(archives(), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_only_elites_of_the_previous_island_migrate(cards: list[Card], generation: int) -> None:
    before = [{card.id for card in members_of(cards, i, ISLANDS, generation)} for i in range(ISLANDS)]
    after = [{card.id for card in members_of(cards, i, ISLANDS, generation + 1)} for i in range(ISLANDS)]
    for island in range(ISLANDS):
        moved = after[island] - before[island]
        assert before[island] <= after[island] and moved <= before[island - 1] and len(moved) <= islands.EMIGRANTS
        if generation % islands.EVERY:
            assert not moved


@given(archives(), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_members_do_not_depend_on_later_cards(cards: list[Card], generation: int) -> None:
    early = [card for card in cards if card.generation < generation]
    for island in range(ISLANDS):
        now = {card.id for card in members_of(early, island, ISLANDS, generation)}
        later = {card.id for card in members_of(cards, island, ISLANDS, generation)}
        assert now == {version for version in later if version in {card.id for card in early}}


def test_a_single_population_is_one_island() -> None:
    cards = [*BASELINES, made("a", 1, [(4000.0, 70.0, 1000.0)], island=2)]
    assert members_of(cards, 0, 1, 9) == cards
    assert "a" in {card.id for card in members_of(cards, 0, 2, 1)}, "the card names an island beyond the present number"


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
def test_islands_take_turns(each: int, count: int, generations: int) -> None:
    turns = Counter(islands.island_of(g, t, each, count) for g in range(1, generations + 1) for t in range(each))
    assert set(turns) <= set(range(count)) and max(turns.values()) - min(turns.values()) <= 1
