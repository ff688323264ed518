"""Strategies for arbitrary cards and archives, for the population tests."""

from __future__ import annotations

from hypothesis import strategies as st

from autotts.agent import population
from autotts.agent.population import islands
from autotts.agent.population.credit import by_arm
from autotts.agent.population.parents import WAYS, choose_parents
from autotts.agent.records.card import Behaviour, Card, EvaluationProtocol
from autotts.envs.statistics import Point

PROTOCOL = EvaluationProtocol(environments={"toy": "0"}, betas=(0.0, 1.0), first_order=1000, orders=1, max_branches=8)
ISLANDS = 3


def made(
    name: str,
    generation: int,
    curve: list[tuple[float, float, float]],
    descriptors: tuple[float, ...] = (2, 9, 0.1, 0.5),
    **settings: object,
) -> Card:
    """Return a card with the points (tokens, accuracy, latency) of ``curve``; a failed card if there are none."""
    points = tuple(
        Point("toy", beta / 10, accuracy, (0, 0), tokens, (0, 0), latency, 10)
        for beta, (tokens, accuracy, latency) in enumerate(curve)
    )
    behaviour = dict(zip(("width", "depth", "pruned", "latency"), descriptors, strict=True))
    fields = {
        "explorer": "evolve", "data": {"genome": {}}, "behaviour": Behaviour(**behaviour, decisions=name),  # type: ignore[arg-type]
        "verdict": "ok" if points else "timeout", **settings,
    }  # fmt: skip
    return Card(
        id=name, name=name, generation=generation, source_sha256="0", sandbox="process", protocol=PROTOCOL,
        curve=points, **fields,  # type: ignore[arg-type]
    )  # fmt: skip


BASELINES = [
    made(
        "narrow", 0, [(1000.0, 30.0, 1000.0), (2000.0, 50.0, 2000.0)], (1, 20, 0.0, 0.2), data={}, explorer="baseline"
    ),
    made("wide", 0, [(2000.0, 20.0, 500.0), (64_000.0, 60.0, 4000.0)], (60, 5, 0.4, 1.0), data={}, explorer="baseline"),
]

numbers = st.tuples(st.integers(500, 100_000), st.integers(0, 100), st.integers(300, 9000))
points = st.lists(numbers.map(lambda p: (float(p[0]), float(p[1]), float(p[2]))), max_size=4)
behaviours = st.tuples(st.integers(1, 64), st.integers(1, 30), st.floats(0, 1), st.floats(0, 1))
arms = st.lists(st.sampled_from([*WAYS, "mutate", "cross"]), max_size=2, unique=True).map(tuple)


@st.composite
def archives(draw: st.DrawFn) -> list[Card]:
    """Return the seeds, and versions of some generations on some islands."""
    cards = list(BASELINES)
    for generation in range(1, draw(st.integers(1, 8)) + 1):
        for number in range(draw(st.integers(0, 3))):
            island = draw(st.none() | st.integers(0, ISLANDS - 1))
            card = made(
                f"g{generation}-{number}", generation, draw(points), draw(behaviours), island=island, arms=draw(arms)
            )
            cards.append(card)
    return cards


def shapes(version: str) -> dict[str, int]:
    return {letter: 1 + ord(letter) % 3 for letter in version}


def members_of(cards: list[Card], island: int, count: int, generation: int, latency: bool = False) -> list[Card]:
    return islands.members(cards, island, count, islands.immigrants(cards, count, generation, latency)[island])


def chosen(cards: list[Card], seed: int = 1, count: int = 6) -> list[tuple[str, str]]:
    credits = population.credits(cards, by_arm)
    parents = choose_parents(cards, count, seed, True, population.space(cards), shapes, credits)
    return [(parent.card.id, parent.way) for parent in parents]
