"""What is known of a version: by whoever shows, ranks, diagnoses or improves it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args, overload

import numpy as np
import numpy.typing as npt

FindingKind = Literal["stopped_early", "pruned_right", "idle_tokens", "idle_width", "hopeless", "uneven_beta"]
"""The kinds of findings (see `agent.diagnosis.criteria`)."""
Metric = Literal["quality", "accuracy", "tokens", "latency", FindingKind]
"""What a prediction may be about: quality, a mean over the beta grid, or a finding (see `agent.population.outcome`)."""
METRICS = get_args(Metric)
Direction = Literal["less", "same", "more"]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One point of a scaling curve, on the mean of the search environments."""

    beta: float
    accuracy: float
    """Per cent of the episodes answered right."""
    tokens: float
    """Mean tokens of a question."""
    latency: float
    """Mean tokens on the critical path of a question."""


class ScalingCurve(Sequence[CurvePoint]):
    """The points of a scaling curve, kept as one array: a run that goes on for long has thousands of curves.

    Args:
        values: (P, 4) beta, accuracy, tokens and latency of each point (see `CurvePoint`); not to be changed.
    """

    __slots__ = ("values",)

    def __init__(self, values: npt.NDArray[np.float64]) -> None:
        self.values = values

    @classmethod
    def of(cls, points: Sequence[CurvePoint]) -> ScalingCurve:
        """Return the curve that ``points`` are: themselves, if they are one."""
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
    """One episode in which a finding shows."""

    environment: str
    question: int
    beta: float
    order: int
    step: int
    """Record of the action log at which it happened."""
    tokens: int
    """Tokens that it cost, or that were spent until then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a controller does wrong, counted over all of its episodes."""

    kind: str
    """A `FindingKind`; a card of a later version may hold others."""
    episodes: int
    """Episodes in which it shows."""
    share: float
    """The same as a part of all episodes, in [0, 1]."""
    tokens: int
    """Tokens that it cost over all episodes; 0 where it costs accuracy instead."""
    message: str
    """One sentence for a person."""
    worst: tuple[Evidence, ...] = ()
    """The worst cases, worst first."""


@dataclass(frozen=True, slots=True)
class Version:
    """An archived controller, as an explorer sees it. Nothing in it lets the answers be known."""

    id: str
    source: str
    curve: tuple[CurvePoint, ...]
    findings: tuple[Finding, ...]
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the explorer that wrote it kept for itself (plain JSON); empty for a seed."""
    rationale: str = ""
    outcome: str = ""
    """What was predicted of it, and what was seen."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """One thing that a candidate is expected to change against its first parent: checked once it has been tried."""

    metric: Metric
    direction: Direction


@dataclass(frozen=True, slots=True)
class Cost:
    """What a proposal has cost in calls of a language model."""

    dollars: float = 0.0
    input_tokens: int = 0
    """All of the prompts, whether or not from a cache."""
    cached_tokens: int = 0
    """The part of ``input_tokens`` that came from a cache."""
    output_tokens: int = 0
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Credit:
    """What an explorer, or an arm of a bandit, has brought so far."""

    proposals: int
    gain: float
    """Points of hypervolume by which its versions have raised the front, each over all that came before it."""
    dollars: float
    tries: float
    """Proposals, the more recent ones counting more: what a bandit judges by."""
    wins: float
    """The part of ``tries`` that raised the front of earlier generations, each by its rise against the largest of its
    time."""
