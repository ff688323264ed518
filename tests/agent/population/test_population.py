"""The population: what holds of fronts, islands, the grid, novelty and the bandit, whatever the cards are."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent import population
from agent.archive.seeds import seed_source
from agent.bench.normalise import shape
from agent.episodes.behaviour import behaviour, decisions
from agent.population import islands
from agent.population.bandit import draw
from agent.population.choice import WAYS, parents
from agent.population.credit import by_arm
from agent.population.frontier import MOST_ELITES, attained_by
from agent.population.grid import edges, grid
from agent.population.novelty import novelty
from agent.versions.belief import Belief
from agent.versions.cards import Behaviour, Card, Protocol
from agent.versions.version import Cost, Credit, CurvePoint, ScalingCurve
from envs.episodes import grid as episode_grid
from envs.evaluate import Point
from envs.synthetic import default_models, generate
from sandbox.evaluation import evaluate

PROTOCOL = Protocol(environments={"toy": "0"}, betas=(0.0, 1.0), first_seed=1000, seeds=1, max_branches=8)
ISLANDS = 3


def made(
    name: str,
    generation: int,
    curve: list[tuple[float, float, float]],
    what: tuple[float, ...] = (2, 9, 0.1, 0.5),
    **settings: object,
) -> Card:
    """Return a card with the points (tokens, accuracy, latency) of ``curve``; without any, one that failed."""
    points = tuple(
        Point("toy", beta / 10, accuracy, (0, 0), tokens, (0, 0), latency, 10)
        for beta, (tokens, accuracy, latency) in enumerate(curve)
    )
    did = dict(zip(("width", "depth", "pruned", "latency"), what, strict=True))
    told = {
        "explorer": "evolve", "data": {"genome": {}}, "behaviour": Behaviour(**did, decisions=name),  # type: ignore[arg-type]
        "verdict": "ok" if points else "timeout", **settings,
    }  # fmt: skip
    return Card(
        id=name, name=name, generation=generation, source_sha256="0", sandbox="process", protocol=PROTOCOL,
        curve=points, **told,  # type: ignore[arg-type]
    )  # fmt: skip


SEEDS = [
    made("narrow", 0, [(1000.0, 30.0, 1000.0), (2000.0, 50.0, 2000.0)], (1, 20, 0.0, 0.2), data={}, explorer="seed"),
    made("wide", 0, [(2000.0, 20.0, 500.0), (64_000.0, 60.0, 4000.0)], (60, 5, 0.4, 1.0), data={}, explorer="seed"),
]

numbers = st.tuples(st.integers(500, 100_000), st.integers(0, 100), st.integers(300, 9000))
points = st.lists(numbers.map(lambda p: (float(p[0]), float(p[1]), float(p[2]))), max_size=4)
deeds = st.tuples(st.integers(1, 64), st.integers(1, 30), st.floats(0, 1), st.floats(0, 1))
arms = st.lists(st.sampled_from([*WAYS, "mutate", "cross"]), max_size=2, unique=True).map(tuple)


@st.composite
def archives(draw: st.DrawFn) -> list[Card]:
    """Return the seeds, and what some generations on some islands have brought."""
    found = list(SEEDS)
    for generation in range(1, draw(st.integers(1, 8)) + 1):
        for number in range(draw(st.integers(0, 3))):
            place = draw(st.none() | st.integers(0, ISLANDS - 1))
            card = made(f"g{generation}-{number}", generation, draw(points), draw(deeds), island=place, arms=draw(arms))
            found.append(card)
    return found


def shapes(version: str) -> dict[str, int]:
    return {letter: 1 + ord(letter) % 3 for letter in version}


def plainly(curve: Sequence[CurvePoint], at: population.Floats) -> population.Floats:
    """Return what a curve attains, one budget after another: `population.attained` is of many at once."""
    found = sorted((point.tokens, point.accuracy) for point in curve)
    tokens = np.array([max(1.0, tokens) for tokens, _ in found])
    best = np.maximum.accumulate([accuracy for _, accuracy in found])
    return np.interp(np.log(at), np.log(tokens), best) * np.minimum(1.0, at / tokens[0])


curves = st.lists(st.lists(st.tuples(st.floats(0, 1e6), st.floats(0, 100)), max_size=12), max_size=5)


@given(curves, st.lists(st.floats(1, 1e6), min_size=1, max_size=5))
def test_what_many_curves_attain_is_what_each_does(found: list[list[tuple[float, float]]], at: list[float]) -> None:
    lines = [[CurvePoint(0.0, accuracy, tokens, 1.0) for tokens, accuracy in line] for line in found]
    together = attained_by(lines, np.array(at))
    assert together.shape == (len(lines), len(at))
    for line, values in zip(lines, together, strict=True):
        alone = population.attained(ScalingCurve.of(line), np.array(at))
        assert alone.tobytes() == values.tobytes()
        assert values == pytest.approx(plainly(line, np.array(at)) if line else 0.0, rel=1e-12, abs=1e-12)


@given(archives(), st.booleans())
def test_points_of_many_curves_are_those_of_each(cards: list[Card], latency: bool) -> None:
    within = population.space(cards, latency)
    points, owner = within.points_of([card.mean_curve for card in cards])
    for i, card in enumerate(cards):
        assert points[owner == i].tobytes() == within.points(tuple(card.mean_curve)).tobytes()


@settings(deadline=None)
@given(archives(), st.booleans())
def test_credits_are_those_of_a_front_that_every_version_is_tried_on(cards: list[Card], latency: bool) -> None:
    within = population.space(cards, latency)
    front, gained = np.empty((0, 3 if latency else 2)), 0.0
    for card in sorted(cards, key=lambda card: (card.generation, card.id)):
        points = within.points(card.mean_curve)
        rise = within.volume(np.concatenate([front, points])) - within.volume(front)
        front = within.best(np.concatenate([front, points]))
        gained += rise if card.generation > 0 else 0.0
    told = population.credits(cards, latency=latency)
    assert sum(credit.gain for credit in told.values()) == pytest.approx(gained, abs=1e-6)


def test_a_scaling_curve_is_the_sequence_of_its_points() -> None:
    points = (CurvePoint(0.0, 10.0, 1000.0, 500.0), CurvePoint(1.0, 20.0, 2000.0, 900.0))
    curve = ScalingCurve.of(points)
    assert tuple(curve) == points and curve == points and curve[-1] == points[1] and curve[:1] == points[:1]
    assert len(curve) == 2 and hash(curve) == hash(ScalingCurve.of(list(points))) and ScalingCurve.of(curve) is curve
    assert ScalingCurve.of(()) == () and not ScalingCurve.of([]) and curve != 3 and curve != points[:1]
    assert type(curve[0].tokens) is float and eval(repr(curve).removeprefix("ScalingCurve")) == points
    with pytest.raises(IndexError):
        curve[2]


def living(cards: list[Card], island: int, count: int, generation: int, latency: bool = False) -> list[Card]:
    return islands.members(cards, island, count, islands.immigrants(cards, count, generation, latency)[island])


def chosen(cards: list[Card], seed: int = 1, count: int = 6) -> list[tuple[str, str]]:
    credits = population.credits(cards, by_arm)
    found = parents(cards, count, seed, True, population.space(cards), shapes, credits)
    return [(parent.card.id, parent.way) for parent in found]


# Fronts


@given(archives(), st.randoms(use_true_random=False), st.booleans())
@settings(max_examples=60, deadline=None)
def test_nothing_depends_on_the_order_of_the_cards(cards: list[Card], chance: random.Random, latency: bool) -> None:
    other = chance.sample(cards, len(cards))
    assert [c.id for c in population.front(cards, latency=latency)] == [
        c.id for c in population.front(other, latency=latency)
    ]
    assert population.hypervolume(cards, latency) == pytest.approx(population.hypervolume(other, latency))
    assert population.credits(cards, by_arm, latency) == population.credits(other, by_arm, latency)
    for island in range(ISLANDS):
        here, there = (living(some, island, ISLANDS, 9, latency) for some in (cards, other))
        assert {card.id for card in here} == {card.id for card in there}
    assert chosen(cards) == chosen(other)


@given(archives(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_front_is_what_the_hypervolume_is_made_of(cards: list[Card], latency: bool) -> None:
    whole = population.front(cards, most=len(cards), latency=latency)
    within = population.space(cards, latency)
    assert population.hypervolume([*SEEDS, *whole], latency) == pytest.approx(population.hypervolume(cards, latency))
    assert all(part > 0 for part in population.contributions(whole, within))
    frugal = [within.points(card.mean_curve)[:, 0].min() for card in whole]
    assert frugal == sorted(frugal)
    few = population.front(cards, most=2, latency=latency)
    assert len(few) <= 2 and {card.id for card in few} <= {card.id for card in whole}


@given(archives(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_hypervolume_never_falls(cards: list[Card], latency: bool) -> None:
    reached = [population.hypervolume(cards[:n], latency) for n in range(len(SEEDS), len(cards) + 1)]
    assert all(after >= before - 1e-9 for before, after in pairwise(reached))
    assert all(0 <= volume <= 100 for volume in reached)


def test_the_best_seed_is_the_one_with_the_highest_figure_whatever_is_believed_of_it() -> None:
    narrow, wide = SEEDS
    doubted = Belief(tuple(CurvePoint(p.beta, 1.0, p.tokens, p.latency) for p in narrow.mean_curve), 0.0, 0.0, ())
    seeds = [wide, narrow.model_copy(update={"belief": doubted})]
    found = [*seeds, made("found", 1, [(1.0, 100.0, 1.0)]), made("failed", 0, [])]
    at = population.budgets(found)
    best = population.best_seed(found, at)
    assert best is not None and population.quality(best, at) == max(population.quality(card, at) for card in seeds)
    assert population.ranked(seeds)[0].id == "wide" != best.id
    assert population.best_seed(found[2:], at) is None


def test_the_hypervolume_is_a_mean_accuracy_over_budgets() -> None:
    perfect = made("perfect", 1, [(1.0, 100.0, 1.0)])
    assert population.hypervolume([*SEEDS, perfect]) == pytest.approx(100)
    low, high = population.budgets(SEEDS)[[0, -1]]
    half = made("half", 1, [(float(np.sqrt(low * high)), 80.0, 1.0)])
    assert population.space(SEEDS).volume(population.space(SEEDS).points(half.mean_curve)) == pytest.approx(40)
    dear = made("dear", 1, [(float(high) * 2, 100.0, 1.0)])
    assert population.hypervolume([*SEEDS, dear]) == population.hypervolume(SEEDS), "beyond the budget is nothing"


def test_latency_is_an_objective_only_where_it_was_asked_for() -> None:
    slow = made("slow", 1, [(4000.0, 70.0, 4000.0)])
    quick = made("quick", 2, [(4000.0, 70.0, 600.0)])
    cards = [*SEEDS, slow, quick]
    assert [card.id for card in population.front(cards)] == ["slow"], "among equals, the first"
    assert {card.id for card in population.front(cards, latency=True)} >= {"quick"}
    assert population.hypervolume(cards) == population.hypervolume(cards[:-1])
    assert population.hypervolume(cards, latency=True) > population.hypervolume(cards[:-1], latency=True)


def test_no_more_elites_than_are_wanted() -> None:
    steps = [made(f"v{i:02d}", 1, [(4100.0 * 1.1**i, 60.0 + i, 1000.0)]) for i in range(20)]
    assert len(population.front([*SEEDS, *steps])) == MOST_ELITES


@pytest.mark.parametrize("cards", [[], SEEDS[:1], [made("broken", 1, [])], [made("only", 1, [(0.0, 0.0, 0.0)])]])
def test_hardly_any_cards_are_no_failure(cards: list[Card]) -> None:
    for latency in (False, True):
        assert len(population.front(cards, latency=latency)) <= 1
        assert population.hypervolume(cards, latency) >= 0
        population.credits(cards, latency=latency)
    assert len(living(cards, 1, 4, 9)) == len([card for card in cards if card.island is None])
    assert chosen(cards) in ([], [("only", "front")] * 6) or all(version == "only" for version, _ in chosen(cards))


# Credit


def test_gains_add_up_and_wins_do_not_depend_on_who_is_first() -> None:
    twins = [made(f"g1-{n}", 1, [(4000.0, 70.0, 1000.0)], arms=("front", f"arm {n}")) for n in range(2)]
    later = made("g2-0", 2, [(4000.0, 69.0, 1000.0)], arms=("arm 0",), cost=Cost(dollars=3.0))
    cards = [*SEEDS, *twins, later]
    credits = population.credits(cards, by_arm)
    whole = population.hypervolume(cards) - population.hypervolume(SEEDS)
    assert credits["arm 0"].gain == credits["front"].gain == pytest.approx(whole) and credits["arm 1"].gain == 0
    assert credits["arm 0"].wins == credits["arm 1"].wins == pytest.approx(0.9), "both had the same chance"
    assert credits["arm 0"].tries == pytest.approx(1.9)
    assert credits["arm 0"].proposals == 2 and credits["arm 0"].dollars == 3.0
    assert set(population.credits([*SEEDS, *twins, later])) == {"evolve"}


# Islands


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
    assert shape(one) == shape("def g(b):\n    '''Doc.'''\n    return b + 25  # more\n")
    assert shape(one) != shape("def f(a):\n    return a + a + 1\n")
    assert shape("def f(:") == {} and sum(shape(seed_source("confidence_momentum")).values()) > 100


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


# Behaviour

WORLD = generate(next(iter(default_models().values())), "toy", questions=2, branches=8)
EPISODES = episode_grid([WORLD], [0.0, 1.0], [1000], 8)
SOURCE = """
from envs import Controller, majority

class Two(Controller):
    name = "two"

    @staticmethod
    def schedule(beta):
        return {{"width": 2}}

    def solve(self, question):
        a, b = question.branch_many(2)
        {middle}
        ends = dict(zip({order}, question.run_many_to_end({order}), strict=True))
        return majority([ends[branch] for branch in sorted(ends)])
"""


def did(middle: str = "pass", order: str = "[a, b]") -> Behaviour:
    result = evaluate(SOURCE.format(middle=middle, order=order), EPISODES)
    assert result.scores is not None and result.logs is not None, result.verdict
    assert decisions(result.logs) == behaviour(result.scores, result.logs).decisions
    return behaviour(result.scores, result.logs)


def test_behaviour_is_what_was_done() -> None:
    plain = did()
    assert (plain.width, plain.pruned) == (2.0, 0.0) and 0.5 <= plain.latency < 1
    pruning = did("question.step(b); question.prune(b)", "[a]")
    assert 0 < pruning.pruned < 0.5 and pruning.latency == 1.0 and pruning.depth < plain.depth


def test_the_same_decisions_are_one_behaviour() -> None:
    plain = did()
    assert did() == plain and did(order="[b, a]").decisions == plain.decisions
    assert did("x = 1 + 1").decisions == plain.decisions
    assert did("question.step(a)").decisions != plain.decisions
    assert did("question.step(b)").decisions != did("question.step(a)").decisions


def test_where_a_parent_comes_from_does_not_hang_on_what_calls_have_cost() -> None:
    def drawn(dollars: float, priced: bool) -> list[str]:
        credits = {"front": Credit(9, 1.0, dollars, 9.0, 4.0), "grid": Credit(9, 1.0, 0.1, 9.0, 4.0)}
        return [draw(("front", "grid"), credits, random.Random(seed), priced) for seed in range(40)]

    assert drawn(0.1, priced=False) == drawn(50.0, priced=False)
    assert drawn(0.1, priced=True) != drawn(50.0, priced=True)
