"""Islands: what holds of them, whatever the cards are."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.population import islands
from agent.records.card import Card

from .populations import ISLANDS, SEEDS, archives, living, made


@given(archives())
@settings(max_examples=60, deadline=None)
def test_islands_share_out_what_was_born_on_them(cards: list[Card]) -> None:
    first = [living(cards, island, ISLANDS, islands.EVERY) for island in range(ISLANDS)]
    for card in cards:
        homes = [place for place, living in enumerate(first) if card in living]
        assert homes == ([card.island] if card.island is not None else list(range(ISLANDS)))


@given(archives(), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_only_elites_of_the_island_before_move_on(cards: list[Card], generation: int) -> None:
    before = [{card.id for card in living(cards, i, ISLANDS, generation)} for i in range(ISLANDS)]
    after = [{card.id for card in living(cards, i, ISLANDS, generation + 1)} for i in range(ISLANDS)]
    for place in range(ISLANDS):
        moved = after[place] - before[place]
        assert before[place] <= after[place] and moved <= before[place - 1] and len(moved) <= islands.EMIGRANTS
        if generation % islands.EVERY:
            assert not moved


@given(archives(), st.integers(1, 12))
@settings(max_examples=40, deadline=None)
def test_who_lives_where_does_not_depend_on_what_comes_later(cards: list[Card], generation: int) -> None:
    early = [card for card in cards if card.generation < generation]
    for island in range(ISLANDS):
        now = {card.id for card in living(early, island, ISLANDS, generation)}
        told = {card.id for card in living(cards, island, ISLANDS, generation)}
        assert now == {version for version in told if version in {card.id for card in early}}


def test_a_single_population_is_one_island() -> None:
    cards = [*SEEDS, made("a", 1, [(4000.0, 70.0, 1000.0)], island=2)]
    assert living(cards, 0, 1, 9) == cards
    assert "a" in {card.id for card in living(cards, 0, 2, 1)}, "of more islands than there are now"


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 6))
def test_islands_take_turns(each: int, count: int, generations: int) -> None:
    turns = Counter(islands.of_turn(g, t, each, count) for g in range(1, generations + 1) for t in range(each))
    assert set(turns) <= set(range(count)) and max(turns.values()) - min(turns.values()) <= 1
