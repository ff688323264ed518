"""Beliefs: estimates of versions' true quality, which replace the measured quality in ranking and selection."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress
from typing import overload

import numpy as np

from autotts.envs.statistics import Floats

from ...records.belief import Belief
from ...records.card import Card
from ...records.version import ScalingCurve
from ..curve_table import CurveTable, Ints
from ..measured import Bools, MeasuredVersions, measured
from ..pareto import budgets, qualities
from .contributions import Contribution, PanelCells, joined
from .crossvalidation import CrossValidated, cross_validated
from .question_results import QuestionResults
from .shrinkage import MEAN, SELF, shrink

ResultsLoader = Callable[[str], QuestionResults | None]
"""Returns the results of a version, by its id; None if there are none."""


@dataclass(slots=True)
class BeliefCache:
    """What follows from each version alone, by id, so that it is computed once in a run."""

    contributions: dict[str, Contribution] = field(default_factory=dict)
    qualities: dict[str, float] = field(default_factory=dict)
    """Measured quality at the budgets ``at``."""
    at: bytes = b""

    def forget(self, version: str) -> None:
        """Forget a version, whose results have changed."""
        self.contributions.pop(version, None)
        self.qualities.pop(version, None)

    def measured(self, cards: Sequence[Card], at: Floats) -> Floats:
        """Return (cards,) the measured quality of each version."""
        if self.at != at.tobytes():
            self.at, self.qualities = at.tobytes(), {}
        new = [card for card in cards if card.id not in self.qualities]
        self.qualities |= zip((card.id for card in new), qualities(new, at).tolist(), strict=True)
        return np.array([self.qualities[card.id] for card in cards])


@dataclass(frozen=True, slots=True, eq=False)
class BeliefTable:
    """The beliefs about V versions."""

    luck: Floats
    """(V,) the estimated luck of each, in points of quality."""
    factor: list[float]
    error: list[float]
    noise: Floats
    """(V, G) See `Belief`."""

    def belief(self, row: int, measured: ScalingCurve) -> Belief:
        """Return the belief about a version, given its row and its measured curve."""
        values = measured.values.copy()
        values[:, 1] = _lowered(values[:, 1], self.luck[row])
        noise = array("d", self.noise[row].tobytes())
        return Belief(ScalingCurve(values), self.factor[row], self.error[row], noise)


class BelievedVersions(MeasuredVersions[Card]):
    """Versions with beliefs. A card gets its belief when it is asked for: choices look at columns, and at few cards.

    Args:
        cards: the versions, in any order.
        table: the beliefs.
        rows: (cards,) the row of each version in the table; -1 for a version without a belief.
    """

    def __init__(self, cards: Sequence[Card], table: BeliefTable, rows: Ints) -> None:
        super().__init__(cards)
        self._table, self._rows = table, rows
        self._asked: dict[int, Card] = {}

    def __iter__(self) -> Iterator[Card]:
        return map(self._with_belief, range(len(self)))

    @overload
    def __getitem__(self, which: int) -> Card: ...
    @overload
    def __getitem__(self, which: slice) -> list[Card]: ...
    def __getitem__(self, which: int | slice) -> Card | list[Card]:
        places = range(len(self))[which]
        return self._with_belief(places) if isinstance(places, int) else [*map(self._with_belief, places)]

    def _with_belief(self, place: int) -> Card:
        found = self._asked.get(place)
        if found is None:
            card, row = self._cards[place], int(self._rows[place])
            belief = self._table.belief(row, card.mean_curve) if row >= 0 else None
            found = self._asked[place] = card.model_copy(update={"belief": belief}) if belief else card
        return found

    @cached_property
    def believed(self) -> CurveTable:
        """See `MeasuredVersions.believed`."""
        known = self._rows >= 0
        pairs = zip(self._cards, known.tolist(), strict=True)
        table = CurveTable.of([card.mean_curve if there else card.believed_curve for card, there in pairs])
        luck = np.where(known, self._table.luck[self._rows], 0.0)[table.owner]
        values = table.values  # of its own: the curves are joined there
        values[:, 1] = np.where(known[table.owner], _lowered(values[:, 1], luck), values[:, 1])
        return table

    @cached_property
    def noise(self) -> Floats:
        """See `MeasuredVersions.noise`."""
        known = self._rows >= 0
        if any(self._cards[i].belief is not None for i in np.flatnonzero(~known).tolist()):
            return MeasuredVersions(list(self)).noise  # beliefs of before, about versions whose results are lost
        return np.where(known[:, None], self._table.noise[self._rows], 0.0)

    def _some(self, chosen: Bools) -> BelievedVersions:
        cards = list(compress(self._cards, chosen.tolist()))
        return BelievedVersions(cards, self._table, self._rows[chosen])


def with_beliefs(cards: Sequence[Card], read: ResultsLoader, kept: BeliefCache | None = None) -> Sequence[Card]:
    """Return ``cards`` with a belief (`Card.belief`) for each version whose results can be read.

    Hand-written versions were not selected by their results, so their results stand. Every other version is shrunk
    towards its first parent, or towards the mean of all versions if the parent did not run.

    Args:
        cards: in any order.
        read: called for versions whose contributions are not in ``kept``.
        kept: what is known of versions; new ones are added.
    """
    plain, kept = measured(cards).plain, BeliefCache() if kept is None else kept
    at = budgets(plain)
    pairs = list(_contributions(plain, at, read, kept.contributions))
    if not pairs:
        return list(cards)
    cells = pairs[0][1].cells
    alike = [pair for pair in pairs if pair[1].cells is cells or _cells(pair[1].cells) == _cells(cells)]
    able, these = [card for card, _ in alike], joined([row for _, row in alike])
    estimate, quality = shrink(these, _anchors(able)), kept.measured(able, at)
    # simulated questions may be easier or harder than recorded ones: the difference common to all versions is removed
    common = (these.values @ these.weights - quality).mean()
    luck = quality + common - estimate.quality
    place = {card.id: row for row, card in enumerate(able)}
    rows = np.fromiter((place.get(card.id, -1) for card in plain), np.int64, len(plain))
    table = BeliefTable(luck, estimate.factor.tolist(), estimate.error.tolist(), estimate.noise)
    return BelievedVersions(plain, table, rows)


def _contributions(
    cards: Sequence[Card], at: Floats, read: ResultsLoader, kept: dict[str, Contribution]
) -> Iterator[tuple[Card, Contribution]]:
    """Yield the versions that have results, by age, and their contributions at the token budgets ``at``."""
    share: float | None = None
    budgets = at.tobytes()
    for card in _by_age(cards):
        weight, row = card.protocol.simulated if share is None else share, kept.get(card.id)
        if row is None or not row.holds(budgets, weight):
            results = read(card.id)
            if results is None:
                continue
            row = kept[card.id] = Contribution.of(results, at, weight)
        share = weight
        yield card, row


def _lowered(accuracy: Floats, luck: Floats | float) -> Floats:
    """Return accuracies (per cent) less the luck of their curve, in points."""
    return np.minimum(np.maximum(accuracy - luck, 0.0), 100.0)


def optimism(cards: Sequence[Card], read: ResultsLoader) -> tuple[Card, CrossValidated] | None:
    """Return the version that the search would choose, and the cross-validated value of that choice.

    The choice is among discovered versions, or among all versions if none was discovered. None if there are no results
    or fewer than two questions.
    """
    able, results = _comparable(cards, read)
    if not able:
        return None
    discovered = np.array([card.generation > 0 for card in able])
    candidates = discovered if discovered.any() else ~discovered
    simple = [card.size for card in able]
    validated = cross_validated(results, budgets(cards), _anchors(able), simple, candidates, able[0].protocol.simulated)
    return (able[validated.version], validated) if validated else None


def _comparable(cards: Sequence[Card], read: ResultsLoader) -> tuple[list[Card], list[QuestionResults]]:
    """Return the versions with results for the same questions as the first such version, by age, and the results."""
    pairs = [(card, results) for card in _by_age(cards) if (results := read(card.id)) is not None]
    wanted = _cells(pairs[0][1]) if pairs else None
    alike = [pair for pair in pairs if _cells(pair[1]) == wanted]
    return [card for card, _ in alike], [results for _, results in alike]


def _by_age(cards: Sequence[Card]) -> list[Card]:
    return sorted((card for card in cards if card.ok), key=lambda card: (card.generation, card.id))


def _cells(cells: PanelCells | QuestionResults) -> tuple[tuple[str, ...], bytes]:
    return cells.environments, cells.environment.tobytes()


def _anchors(cards: Sequence[Card]) -> list[int]:
    place = {card.id: v for v, card in enumerate(cards)}
    return [SELF if card.generation == 0 else place.get(next(iter(card.parents), ""), MEAN) for card in cards]
