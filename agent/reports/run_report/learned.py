"""What a run teaches: which predictions came true, who and what has brought how much, and the largest steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ... import population
from ...population.credit import by_arm
from ...population.outcome import held
from ...records.card import Card

_STEPS = 8


@dataclass(frozen=True, slots=True)
class PredictionRow:
    """All predictions of one kind."""

    explorer: str
    what: str
    """Such as "less tokens"."""
    made: int
    true: int


@dataclass(frozen=True, slots=True)
class CreditRow:
    """What an explorer, or an arm of the bandits, has brought."""

    name: str
    versions: int
    gain: float
    """Points of hypervolume, as believed."""
    dollars: float


@dataclass(frozen=True, slots=True)
class ImprovementStep:
    """A version that is believed to be better than its parent."""

    version: str
    parent: str
    gain: float
    """Points of quality, as believed."""
    measured: float
    """The same as measured."""
    rationale: str


def predictions(cards: Sequence[Card]) -> list[PredictionRow]:
    """Return how often predictions came true, by explorer and kind."""
    by_id, at = {card.id: card for card in cards}, population.budgets(cards)
    found: dict[tuple[str, str], list[bool]] = {}
    for card in cards:
        parent = by_id.get(next(iter(card.parents), ""))
        if parent is not None:
            for each, true in zip(card.expects, held(card.expects, card, parent, at), strict=False):
                found.setdefault((card.explorer, f"{each.direction} {each.metric}"), []).append(true)
    return [PredictionRow(explorer, what, len(all_), sum(all_)) for (explorer, what), all_ in sorted(found.items())]


def credit_rows(cards: Sequence[Card], latency: bool) -> tuple[list[CreditRow], list[CreditRow]]:
    """Return what each explorer, and each arm of the bandits, has brought: who brought most comes first."""
    found = []
    for credits in (population.credits(cards, latency=latency), population.credits(cards, by_arm, latency)):
        rows = [CreditRow(name, c.proposals, c.gain, c.dollars) for name, c in credits.items()]
        found.append(sorted(rows, key=lambda row: (-row.gain, row.name)))
    return found[0], found[1]


def steps(cards: Sequence[Card]) -> list[ImprovementStep]:
    """Return the versions that are believed to be the most ahead of their parents."""
    by_id, at = {card.id: card for card in cards if card.ok}, population.budgets(cards)
    merit, quality = (
        dict(zip(by_id, of_all(list(by_id.values()), at).tolist(), strict=True))
        for of_all in (population.merits, population.qualities)
    )
    found = []
    for card in by_id.values():
        parent = by_id.get(next(iter(card.parents), ""))
        if parent is not None:
            gain, seen = (of[card.id] - of[parent.id] for of in (merit, quality))
            found.append(ImprovementStep(card.id, parent.id, gain, seen, card.rationale))
    better = [step for step in found if step.gain > 0]
    return sorted(better, key=lambda step: (-step.gain, step.version))[:_STEPS]
