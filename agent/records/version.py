"""Versions, scaling curves, findings, expectations, costs and credits, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, overload

import numpy as np
import numpy.typing as npt

FindingKind = Literal["stopped_early", "pruned_right", "idle_tokens", "idle_width", "hopeless", "uneven_beta"]
"""The kinds of findings (see `agent.diagnosis.criteria`)."""
Metric = Literal["quality", "accuracy", "tokens", "latency", FindingKind]
"""The quantity of a prediction: quality, a mean over the beta grid, or a finding (see `agent.population.outcome`)."""
METRICS = get_args(Metric)
GIVEN = "given"
"""The explorer of controllers that a user gave to a run, and the key of their `Card.data`."""
Direction = Literal["less", "same", "more"]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a scaling curve, on the mean of the search environments."""

    beta: float
    accuracy: float
    """Share of episodes with the right answer, in per cent."""
    tokens: float
    """Mean tokens of a question."""
    latency: float
    """Mean tokens on the critical path of a question."""


class ScalingCurve(Sequence[CurvePoint]):
    """The points of a scaling curve as one array, because a long run has thousands of curves in memory.

    Args:
        values: (P, 4) beta, accuracy, tokens and latency of each point (see `CurvePoint`); it must not be changed.
    """

    __slots__ = ("values",)

    def __init__(self, values: npt.NDArray[np.float64]) -> None:
        self.values = values

    @classmethod
    def of(cls, points: Sequence[CurvePoint]) -> ScalingCurve:
        """Return the curve of ``points``; a curve is returned as it is."""
        if isinstance(points, ScalingCurve):
            return points
        rows = [(point.beta, point.accuracy, point.tokens, point.latency) for point in points]
        return cls(np.array(rows, float).reshape(-1, 4))

    def __len__(self) -> int:
        return len(self.values)

    @overload
    def __getitem__(self, which: int) -> CurvePoint: ...
    @overload
    def __getitem__(self, which: slice) -> ScalingCurve: ...
    def __getitem__(self, which: int | slice) -> CurvePoint | ScalingCurve:
        if isinstance(which, slice):
            return ScalingCurve(self.values[which])
        return CurvePoint(*self.values[which].tolist())

    def __iter__(self) -> Iterator[CurvePoint]:
        return (CurvePoint(*row) for row in self.values.tolist())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"ScalingCurve({tuple(self)!r})"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One episode with an occurrence of a finding."""

    environment: str
    question: int
    beta: float
    order: int
    step: int
    """Index of the record of the action log at which it happened."""
    tokens: int
    """Tokens that it cost, or tokens that were spent until then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault of a controller, counted over all of its episodes."""

    kind: str
    """A `FindingKind`; a card of a later version may hold others."""
    episodes: int
    """Number of episodes in which it occurs."""
    share: float
    """Share of all episodes in which it occurs, in [0, 1]."""
    tokens: int
    """Tokens that it cost over all episodes; 0 where it costs accuracy instead."""
    message: str
    """One sentence for a person."""
    worst: tuple[Evidence, ...] = ()
    """The worst cases, worst first."""


@dataclass(frozen=True, slots=True)
class BriefVersion:
    """An archived controller, as an explorer sees it. Nothing in it reveals a gold answer."""

    id: str
    source: str
    curve: tuple[CurvePoint, ...]
    findings: tuple[Finding, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data that its explorer stored for itself (plain JSON); empty for a baseline."""
    rationale: str = ""
    outcome: str = ""
    """Its predictions compared with its results, in words."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """A predicted change of a candidate against its first parent, which is checked after the evaluation."""

    metric: Metric
    direction: Direction


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a proposal in calls of a language model."""

    dollars: float = 0.0
    input_tokens: int = 0
    """All tokens of the prompts, those from a cache included."""
    cached_tokens: int = 0
    """The part of ``input_tokens`` that came from a cache."""
    output_tokens: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Credit:
    """The contribution of an explorer, or of an arm of a bandit, so far."""

    proposals: int
    gain: float
    """Points of hypervolume by which its versions raised the front, each against all earlier versions."""
    dollars: float
    tries: float
    """Discounted number of proposals, for bandits: recent proposals count more."""
    wins: float
    """The part of ``tries`` that raised the front of earlier generations; each counts in proportion to its rise,
    relative to the largest rise of its time."""
