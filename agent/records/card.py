"""The card of a version, as the archive stores it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator

from autotts.envs.statistics import MEAN, Point
from autotts.envs.synthetic.simulated import is_simulated, recorded
from autotts.sandbox.outcome import Conviction, Extent

from .belief import Belief
from .complexity import UNKNOWN, Complexity
from .migration import card_of_today, renamed
from .version import BriefVersion, Cost, CurvePoint, Expectation, Finding, ScalingCurve

SCHEMA = 2
"""2: branch orders and baselines have names of their own; `migration` reads 1."""
_FIELDS: set[str] = set()
"""Shared by all lean cards in place of pydantic's set of given fields, which would take a tenth of their memory."""
DUPLICATE = "duplicate"
"""The verdict on a candidate that makes the same decisions as an earlier version; its message names that version."""
CLAIMED = "claimed"
"""The verdict on an imported version whose figures nobody has scored again here (`agent.archive.origins`). No card
holds it: the archive gives it to readers instead of "ok"."""
SCREENED = "screened"
"""The verdict on a candidate whose evaluation stopped early: it could not reach the front (`agent.loop.screening`)."""


class FrozenModel(BaseModel):
    """An immutable record; unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A number that fits the index, whoever wrote the card."""


class EvaluationProtocol(FrozenModel):
    """How a version was measured. Two figures may be compared only if their protocols are equal."""

    environments: dict[str, str]
    """Content hash of each environment, by name."""
    betas: tuple[float, ...]
    first_order: Count
    """The first branch order."""
    orders: Count
    """Number of branch orders, from the first on."""
    max_branches: Count
    max_tokens: Count | None = None
    simulated: float = 0.0
    """Weight of all simulated environments together in every choice; no figure that is shown includes them."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return renamed(data, {"first_seed": "first_order", "seeds": "orders"})

    def key(self) -> str:
        """Return a short name that is the same only for the same protocol."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class Behaviour(FrozenModel):
    """How a controller spends its budget, over all of its episodes (`agent.diagnosis.behaviour`)."""

    width: float
    """Mean number of branches of an episode that ran at least one interval."""
    depth: float
    """Mean number of intervals of these branches."""
    pruned: float
    """Share of all tokens that went into branches that were pruned later, in [0, 1]."""
    latency: float
    """The critical path as a share of all tokens, in [0, 1]; 1 means no parallel work."""
    decisions: str
    """Hash of its decisions: versions with the same protocol and the same hash behave alike in every episode."""


class Card(FrozenModel):
    """The card of a version: its whole record except its source, its logs and its transcript."""

    schema_version: int = SCHEMA
    id: str
    name: str
    generation: Count
    explorer: str
    parents: tuple[str, ...] = ()
    rationale: str = ""
    source_sha256: str
    complexity: Complexity | None = None
    """None if the source does not parse, or if an early version of the program wrote the card."""
    sandbox: str
    interpreter: str = "cpython"
    """The interpreter in which it ran: an entry of `sandbox.choice.INTERPRETERS`."""
    verdict: str
    message: str = ""
    protocol: EvaluationProtocol
    audited: Extent | None = None
    """How far it was audited; None if it was not, or if an early version of the program wrote the card."""
    conviction: Conviction | None = None
    """The audit that rejected it, so that the convicting episode can be shown again; None if none did."""
    curve: tuple[Point, ...] = ()
    behaviour: Behaviour | None = None
    """None if the version did not run, or if an early version of the program wrote the card."""
    findings: tuple[Finding, ...] = ()
    island: Count | None = None
    """Island for which it was proposed, from 0; None if it belongs to all islands (`agent.population.islands`)."""
    arms: tuple[str, ...] = ()
    """Arms that bandits drew for it: the way its parent was chosen (`agent.population.parents`), and its operator."""
    expects: tuple[Expectation, ...] = ()
    outcome: str = ""
    """Its predictions compared with its results, in words (`agent.population.outcome`)."""
    cost: Cost = Cost()
    """Cost of the calls whose answers led to it; only the run's journal of calls holds the failed ones."""
    prompts: str = ""
    """Version of the prompts; empty without a language model."""
    data: dict[str, Any] = Field(default_factory=dict)
    """Data that the explorer stored for itself (`Proposal.data`)."""
    belief: InstanceOf[Belief] | None = Field(default=None, exclude=True)
    """The belief about it, given the other versions (`agent.population.overfitting.beliefs`); never stored."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return card_of_today(data)

    @property
    def ok(self) -> bool:
        """Whether the version ran on every episode, so that it has scores."""
        return self.verdict == "ok"

    @property
    def mean_points(self) -> list[Point]:
        """The points of ``curve`` on the mean of the recorded environments, or on the only one, by beta."""
        several = len(recorded(list(self.protocol.environments))) > 1
        return [p for p in self.curve if (p.environment == MEAN if several else not is_simulated(p.environment))]

    @cached_property
    def mean_curve(self) -> ScalingCurve:
        """The scaling curve of `mean_points`."""
        points = self.mean_points
        return ScalingCurve.of([CurvePoint(p.beta, p.accuracy_pct, p.mean_tokens, p.mean_latency) for p in points])

    @property
    def believed_curve(self) -> Sequence[CurvePoint]:
        """The curve for ranks and choices: that of the belief, or `mean_curve` without a belief."""
        return self.belief.curve if self.belief else self.mean_curve

    @property
    def noise(self) -> Sequence[float]:
        """See `Belief.noise`; empty without a belief."""
        return self.belief.noise if self.belief else ()

    @property
    def size(self) -> int:
        """Total complexity (`Complexity.total`), or `UNKNOWN`."""
        return UNKNOWN if self.complexity is None else self.complexity.total

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values; it shares `mean_curve` unless the update changes it."""
        copy = super().model_copy(update=update, deep=deep)
        if update and not update.keys().isdisjoint(("curve", "protocol")):
            copy.__dict__.pop("mean_curve", None)
        return copy

    def lean(self, protocol: EvaluationProtocol) -> Self:
        """Return the card without ``curve`` but with `mean_curve`, which is a third of its size in memory.

        To ask it for ``curve`` is an error: an empty one would look as if the version had no figures.

        Args:
            protocol: the protocol of the card; one object for all cards with an equal protocol.
        """
        mean_curve = self.mean_curve
        lean = self.model_copy(update={"curve": (), "protocol": protocol})
        lean.__dict__["mean_curve"] = mean_curve
        del lean.__dict__["curve"]
        object.__setattr__(lean, "__pydantic_fields_set__", _FIELDS)
        return lean

    if not TYPE_CHECKING:  # a type checker would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Say of a lean card where its curve is."""
            if name == "curve":
                raise AttributeError(f"{self.id} is a lean card: it has mean_curve, and Archive.card(id) has curve")
            return super().__getattr__(name)

    def __copy__(self) -> Self:
        copy = type(self).__new__(type(self))
        object.__setattr__(copy, "__dict__", dict(self.__dict__))
        for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(copy, name, getattr(self, name))  # shared: beliefs make thousands of copies
        return copy

    def version(self, source: str) -> BriefVersion:
        """Return the version as an explorer sees it."""
        return BriefVersion(
            self.id, source, tuple(self.mean_curve), self.findings, self.data, self.rationale, self.outcome
        )  # fmt: skip
