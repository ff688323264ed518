"""The record of a final evaluation: the content of ``report.json``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import Field, model_validator

from autotts.envs.statistics import Point

from ..population.overfitting.crossvalidation import CrossValidated, IntervalEstimate
from ..records.card import EvaluationProtocol, FrozenModel
from ..records.migration import renamed

ON_HELD_OUT = "held-out questions"
ON_FRESH_ORDERS = "fresh branch orders of the same questions"


class QualityLead(FrozenModel):
    """Quality of a discovered version minus that of a baseline, paired by question and branch order."""

    version: str
    baseline: str
    """Called ``seed`` by version 0.1, whose reports are still read."""
    quality: IntervalEstimate
    """In points."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return renamed(data, {"seed": "baseline"})


class BudgetComparison(FrozenModel):
    """Measured accuracy of the version that the search believes to be the best within a budget."""

    tokens: float
    """The budget: mean tokens of a question."""
    version: str
    accuracy: IntervalEstimate
    """In per cent."""
    over: dict[str, IntervalEstimate]
    """Difference from each baseline, paired, in points, by name."""


class Optimism(FrozenModel):
    """How much the search overestimates its choice (`CrossValidated`), computed from its own results only."""

    version: str
    """The version that the search would choose."""
    searched: IntervalEstimate
    questions: IntervalEstimate
    models: IntervalEstimate | None
    both: IntervalEstimate | None
    optimism: IntervalEstimate

    @classmethod
    def of(cls, version: str, result: CrossValidated) -> Optimism:
        """Return the record of a cross-validation of the choice of ``version``."""
        return cls(
            version=version, searched=result.searched, questions=result.questions, models=result.models,
            both=result.both, optimism=result.optimism,
        )  # fmt: skip


class HeldOutGap(FrozenModel):
    """Quality of a version in the search less its quality on the held-out questions, which the search has not met.

    The two sets of questions differ in difficulty. What the baselines lose too, which nobody chose by these figures, is
    no optimism; the rest is. All intervals: 95%, bootstrap over the questions of both sets; a version and the baselines
    are paired by question.
    """

    version: str
    searched: float
    """Quality on the questions of the search, in per cent."""
    measured: float
    """Quality on the held-out questions, on fresh branch orders, in per cent."""
    gap: IntervalEstimate
    """``searched`` less ``measured``, in points."""
    optimism: IntervalEstimate | None
    """``gap`` less the mean gap of the baselines, in points; None if no baseline ran."""


class RunReport(FrozenModel):
    """The final evaluation of a run: on held-out questions, or else on fresh branch orders of the same questions."""

    best: str
    protocol: EvaluationProtocol
    searched: dict[str, float]
    """`population.quality` of each version below as the search saw it."""
    measured: dict[str, float]
    """The same in the final evaluation."""
    held_out: dict[str, int] = Field(default_factory=dict)
    """Number of held-out questions of each environment, on which the final evaluation was made; empty if it was made
    on fresh branch orders of the questions of the search."""
    gaps: tuple[HeldOutGap, ...] = ()
    """Of each version that ran on held-out questions: first the one that the search would choose, then the others by
    ``measured``."""
    curves: dict[str, tuple[Point, ...]]
    front: tuple[str, ...] = ()
    """Discovered versions of the search's front, from frugal to accurate."""
    champions: dict[str, str] = Field(default_factory=dict)
    """By role: "balanced" is the best; "frugal" and "accurate" hold the lowest and the highest budget of the front."""
    leads: tuple[QualityLead, ...] = ()
    budgets: tuple[BudgetComparison, ...] = ()
    optimism: Optimism | None = None
    """None if there are too few questions, or no results by question."""
    failed: dict[str, str] = Field(default_factory=dict)
    """Versions that failed in the final evaluation, with the reason; they cannot be chosen."""

    @property
    def where(self) -> str:
        """The questions and branch orders of the final evaluation, in words."""
        return ON_HELD_OUT if self.held_out else ON_FRESH_ORDERS

    def best_of(self, versions: Iterable[str]) -> str | None:
        """Return the best of ``versions`` in the final evaluation; None if none of them ran there."""
        return max((v for v in versions if v in self.measured), key=lambda v: self.measured[v], default=None)
