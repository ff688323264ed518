"""What is written down of every version: the card, as it lies in the archive."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, InstanceOf, model_validator

from envs.statistics import MEAN, Point
from envs.synthetic.simulated import is_simulated, recorded

from .belief import Belief
from .complexity import UNKNOWN, Complexity
from .migration import card_of_today, renamed
from .version import Cost, CurvePoint, Expectation, Finding, ScalingCurve, Version

SCHEMA = 2
"""2: branch orders and baselines have names of their own; `migration` reads 1."""
_FIELDS: set[str] = set()
"""Which fields of cards that are held by thousands were set: nobody asks, and one for each would be a tenth of it."""
DUPLICATE = "duplicate"
"""The verdict on a candidate that decides as an earlier version does; its message names that one."""
SCREENED = "screened"
"""The verdict on a candidate that was given up early, as it could not come up to the front (`agent.loop.screening`)."""


class FrozenModel(BaseModel):
    """A record that cannot be changed, and has no unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class EvaluationProtocol(FrozenModel):
    """On what a version was measured: two figures may be compared only if this is equal."""

    environments: dict[str, str]
    """Content hash of each environment, by name."""
    betas: tuple[float, ...]
    first_order: int
    """The first branch order."""
    orders: int
    """How many branch orders, from the first on."""
    max_branches: int
    max_tokens: int | None = None
    simulated: float = 0.0
    """Weight in every choice of all simulated environments together; no figure shows them."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return renamed(data, {"first_seed": "first_order", "seeds": "orders"})

    def key(self) -> str:
        """Return a short name that is the same only for the same protocol."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class Behaviour(FrozenModel):
    """What a controller does, over all of its episodes (`agent.diagnosis.behaviour`)."""

    width: float
    """Mean branches of an episode that ran at least one interval."""
    depth: float
    """Mean intervals of such a branch."""
    pruned: float
    """The part of all tokens that went into branches which were given up later, in [0, 1]."""
    latency: float
    """The critical path as a part of all tokens, in [0, 1]: 1 is one after another."""
    decisions: str
    """Hash of its decisions: versions with the same protocol and the same hash are one."""


class Card(FrozenModel):
    """A version's card: all that is known of it but its source, its logs and its transcript."""

    schema_version: int = SCHEMA
    id: str
    name: str
    generation: int
    explorer: str
    parents: tuple[str, ...] = ()
    rationale: str = ""
    source_sha256: str
    complexity: Complexity | None = None
    """None of what is no Python, and of a version from before it was noted."""
    sandbox: str
    verdict: str
    message: str = ""
    protocol: EvaluationProtocol
    curve: tuple[Point, ...] = ()
    behaviour: Behaviour | None = None
    """None of a version that did not run, and of one from before it was noted."""
    findings: tuple[Finding, ...] = ()
    island: int | None = None
    """Where it was born, from 0; None where it is at home everywhere (`agent.population.islands`)."""
    arms: tuple[str, ...] = ()
    """What bandits chose for it: where its parent came from (`agent.population.parents`), and its explorer's way."""
    expects: tuple[Expectation, ...] = ()
    outcome: str = ""
    """What was predicted of it, and what was seen (`agent.population.outcome`)."""
    cost: Cost = Cost()
    """Of the calls whose answers led to it; those that failed are in the run's ledger alone."""
    prompts: str = ""
    """Version of the prompts; empty without a language model."""
    data: dict[str, Any] = Field(default_factory=dict)
    belief: InstanceOf[Belief] | None = Field(default=None, exclude=True)
    """What is believed of it beside others (`agent.population.overfitting.beliefs`); it is not written down."""

    @model_validator(mode="before")
    @classmethod
    def _of_schema_1(cls, data: Any) -> Any:
        return card_of_today(data)

    @property
    def ok(self) -> bool:
        """Whether the version ran on every episode, and so has scores."""
        return self.verdict == "ok"

    @property
    def mean_points(self) -> list[Point]:
        """The points of ``curve`` on the mean of the recorded environments, by beta; or on the only one."""
        several = len(recorded(list(self.protocol.environments))) > 1
        return [p for p in self.curve if (p.environment == MEAN if several else not is_simulated(p.environment))]

    @cached_property
    def mean_curve(self) -> ScalingCurve:
        """The scaling curve that `mean_points` are."""
        points = self.mean_points
        return ScalingCurve.of([CurvePoint(p.beta, p.accuracy_pct, p.mean_tokens, p.mean_latency) for p in points])

    @property
    def believed_curve(self) -> Sequence[CurvePoint]:
        """The curve by which it is ranked, bred and chosen: `mean_curve` where nothing is known of its luck."""
        return self.belief.curve if self.belief else self.mean_curve

    @property
    def noise(self) -> Sequence[float]:
        """See `Belief.noise`; empty where nothing is known of it."""
        return self.belief.noise if self.belief else ()

    @property
    def size(self) -> int:
        """The complexity by which it is compared with others."""
        return UNKNOWN if self.complexity is None else self.complexity.total

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with other values; it shares `mean_curve` if it has the same."""
        copy = super().model_copy(update=update, deep=deep)
        if update and not update.keys().isdisjoint(("curve", "protocol")):
            copy.__dict__.pop("mean_curve", None)
        return copy

    def lean(self, protocol: EvaluationProtocol) -> Self:
        """Return the card without ``curve``, of which `mean_curve` is kept: a third of it, for thousands are held.

        Args:
            protocol: its own, the same object for all cards that share it.
        """
        known = self.mean_curve
        lean = self.model_copy(update={"curve": (), "protocol": protocol})
        lean.__dict__["mean_curve"] = known
        object.__setattr__(lean, "__pydantic_fields_set__", _FIELDS)
        return lean

    def __copy__(self) -> Self:
        copy = type(self).__new__(type(self))
        object.__setattr__(copy, "__dict__", dict(self.__dict__))
        for name in ("__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(copy, name, getattr(self, name))  # shared: several thousand copies are made at a time
        return copy

    def version(self, source: str) -> Version:
        """Return the version as an explorer sees it."""
        return Version(
            self.id, source, tuple(self.mean_curve), self.findings, self.data, self.rationale, self.outcome
        )  # fmt: skip
