"""Rows of the archive's index: the fields that lists of versions need, so that no list has to load every card."""

from __future__ import annotations

import json
from array import array
from dataclasses import astuple, dataclass, replace
from typing import Any

from .card import Card
from .complexity import UNKNOWN
from .migration import baseline_explorer
from .version import Cost, CurvePoint, ScalingCurve

COLUMNS = (
    "id", "generation", "name", "explorer", "island", "parents", "verdict", "source_sha256", "cost", "curve",
    "believed", "noise", "size",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A version in brief: the fields for ranking it, and for drawing it among thousands."""

    id: str
    generation: int
    name: str
    explorer: str
    island: str
    """Index of its island; empty without islands."""
    parents: tuple[str, ...]
    verdict: str
    source_sha256: str
    cost: Cost
    mean_curve: ScalingCurve
    """See `Card.mean_curve`."""
    believed_curve: ScalingCurve
    """See `Card.believed_curve`; given all versions in the index, as is ``noise``."""
    noise: array[float]
    """See `Card.noise`."""
    size: int
    """See `Card.size`."""

    @property
    def ok(self) -> bool:
        """Whether the version ran on every episode, so that it has scores."""
        return self.verdict == "ok"

    @classmethod
    def of(cls, card: Card) -> IndexRow:
        """Return the row of a card."""
        return cls(
            card.id, card.generation, card.name, card.explorer, "" if card.island is None else str(card.island),
            card.parents, card.verdict, card.source_sha256, card.cost, card.mean_curve,
            ScalingCurve.of(card.believed_curve), array("d", card.noise), card.size,
        )  # fmt: skip

    def same_facts(self, other: IndexRow | None) -> bool:
        """Return whether another row says the same of the version, whatever is believed of it."""
        return other is not None and other == replace(self, believed_curve=other.believed_curve, noise=other.noise)

    def cells(self) -> tuple[Any, ...]:
        """Return the values of the row in the index, in the order of `COLUMNS`."""
        curve, believed = (points.values.tolist() for points in (self.mean_curve, self.believed_curve))
        return (
            self.id, self.generation, self.name, self.explorer, self.island, json.dumps(self.parents), self.verdict,
            self.source_sha256, json.dumps(astuple(self.cost)), json.dumps(curve), json.dumps(believed),
            json.dumps(self.noise.tolist()), min(self.size, UNKNOWN),
        )  # fmt: skip

    @classmethod
    def read(cls, cells: tuple[Any, ...]) -> IndexRow:
        """Return the row from the values of `cells`."""
        id, generation, name, explorer, island, parents, verdict, sha256, cost, *rest = cells
        curve, believed, noise, size = rest
        return cls(
            id, generation, name, baseline_explorer(explorer), island, tuple(json.loads(parents)), verdict, sha256,
            Cost(*json.loads(cost)), _points(curve), _points(believed), array("d", json.loads(noise)), size,
        )  # fmt: skip


def _points(text: str) -> ScalingCurve:
    return ScalingCurve.of([CurvePoint(*point) for point in json.loads(text)])
