"""The lessons of a run: which predictions came true, credits of explorers and arms, and the largest improvements."""

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
    """Direction and metric, such as "less tokens"."""
    made: int
    true: int


@dataclass(frozen=True, slots=True)
class CreditRow:
    """The credit of an explorer, or of an arm of the bandits."""

    name: str
    versions: int
    gain: float
    """Believed gain of the front, in points of hypervolume."""
    dollars: float


@dataclass(frozen=True, slots=True)
class ImprovementStep:
    """A version whose believed quality is above that of its parent."""

    version: str
    parent: str
    gain: float
    """Believed difference from its parent, in points of quality."""
    measured: float
    """Measured difference from its parent, in points of quality."""
    rationale: str


def predictions(cards: Sequence[Card]) -> list[PredictionRow]:
    """Return how often predictions came true, by explorer and kind."""
    by_id, at = {card.id: card for card in cards}, population.budgets(cards)
    by_kind: dict[tuple[str, str], list[bool]] = {}
    for card in cards:
        parent = by_id.get(next(iter(card.parents), ""))
        if parent is not None:
            for each, true in zip(card.expects, held(card.expects, card, parent, at), strict=False):
                by_kind.setdefault((card.explorer, f"{each.direction} {each.metric}"), []).append(true)
    return [PredictionRow(explorer, what, len(all_), sum(all_)) for (explorer, what), all_ in sorted(by_kind.items())]


def credit_rows(cards: Sequence[Card], latency: bool) -> tuple[list[CreditRow], list[CreditRow]]:
    """Return the credit of each explorer, and of each arm of the bandits, the largest gain first."""
    tables = []
    for credits in (population.credits(cards, latency=latency), population.credits(cards, by_arm, latency)):
        rows = [CreditRow(name, c.proposals, c.gain, c.dollars) for name, c in credits.items()]
        tables.append(sorted(rows, key=lambda row: (-row.gain, row.name)))
    return tables[0], tables[1]


def steps(cards: Sequence[Card]) -> list[ImprovementStep]:
    """Return the versions with the largest believed improvements over their parents."""
    by_id, at = {card.id: card for card in cards if card.ok}, population.budgets(cards)
    merit, quality = (
        dict(zip(by_id, of_all(list(by_id.values()), at).tolist(), strict=True))
        for of_all in (population.merits, population.qualities)
    )
    all_steps = []
    for card in by_id.values():
        parent = by_id.get(next(iter(card.parents), ""))
        if parent is not None:
            gain, seen = (of[card.id] - of[parent.id] for of in (merit, quality))
            all_steps.append(ImprovementStep(card.id, parent.id, gain, seen, card.rationale))
    better = [step for step in all_steps if step.gain > 0]
    return sorted(better, key=lambda step: (-step.gain, step.version))[:_STEPS]
