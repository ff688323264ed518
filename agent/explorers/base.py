"""What an explorer is asked and what it answers: the one way to bring an explorer of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

if TYPE_CHECKING:
    from ..bench.workbench import Workbench

Metric = Literal[
    "quality", "accuracy", "tokens", "latency", "stopped_early", "pruned_right", "idle_tokens", "idle_width",
    "hopeless", "uneven_beta",
]  # fmt: skip
"""What a prediction may be about: quality, a mean over the beta grid, or a finding (see `agent.outcome`)."""
METRICS = get_args(Metric)
Direction = Literal["less", "same", "more"]


class LimitReached(Exception):
    """A limit on money, calls or hours forbids another call. The message says which, and how much has been used.

    Attributes:
        scope: whether it ends the run, or only this generation.
    """

    def __init__(self, why: str, scope: Literal["run", "generation"] = "run") -> None:
        super().__init__(why)
        self.scope = scope


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


@dataclass(frozen=True, slots=True)
class Evidence:
    """One episode in which a finding shows."""

    environment: str
    question: int
    beta: float
    seed: int
    step: int
    """Record of the action log at which it happened."""
    tokens: int
    """Tokens that it cost, or that were spent until then."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a controller does wrong, counted over all of its episodes."""

    kind: str
    """One of `agent.diagnose.KINDS`."""
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
class Proposal:
    """A candidate to be tried."""

    source: str
    """A complete Python module with one `Controller` subclass."""
    rationale: str
    """What was changed, why, and what it should improve: a few sentences."""
    parents: tuple[str, ...] = ()
    """Ids of the versions that it comes from."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the explorer wants back in `Version.data` (plain JSON)."""
    expects: tuple[Expectation, ...] = ()
    """What it should change: the hypothesis that it is a test of."""
    cost: Cost = Cost()
    arm: str = ""
    """By which of its ways the explorer made it, if a bandit drew that; it is told what each brought (`Brief.arms`)."""
    author: str = ""
    """Who wrote it, where the explorer is a mixture of several; the explorer's own name if empty."""
    prompts: str = ""
    """Version of the prompts that it was asked for with; empty without a language model."""
    transcript: str = ""
    """The conversation that led to it, as text, without secrets; kept beside the version."""


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


@dataclass(frozen=True, slots=True)
class Brief:
    """What an explorer is given for one step. The same brief must lead to the same proposals."""

    seed: int
    """For all chance: drawn from the run's seed, the generation and the step."""
    generation: int
    count: int
    """Proposals wanted; fewer are allowed, none ends the generation."""
    parents: Sequence[Version]
    """Versions worth building on, in the order in which the population chose them (a version may come twice)."""
    front: Sequence[Version]
    """The best versions so far: the Pareto front of accuracy against tokens, from frugal to accurate."""
    mates: Sequence[Version] = ()
    """Versions to recombine the parents with: the elites of their island."""
    credits: Mapping[str, Credit] = field(default_factory=dict)
    """What each explorer has brought so far, by name."""
    arms: Mapping[str, Credit] = field(default_factory=dict)
    """What each `Proposal.arm` has brought so far."""
    lessons: Sequence[Version] = ()
    """Versions whose predictions have been checked (`Version.outcome`), the latest first."""
    slot: int = 0
    """Which of the step's briefs this is, where an explorer asks for one proposal at a time (`Explorer.single`)."""
    bench: Workbench | None = None
    """All that has been tried so far, to be looked at, and a place to try a draft; None in a test without one."""


class Explorer(Protocol):
    """Writes candidates. To bring another explorer, implement these and add it to `agent.explorers.registry`.

    An explorer is stateless: all it needs to know comes in the brief, all it wants to remember goes into
    `Proposal.data`. So a run that was killed can ask again and get the same answer. Both methods raise `LimitReached`
    where a limit forbids to go on: the run then ends in good order with what it has.
    """

    name: str
    single: bool
    """Whether it writes one proposal at a time, so that a step asks it several times, side by side (``count`` is 1)."""
    own: bool
    """Whether it can build only on versions in whose ``data`` it has left something."""

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return up to ``brief.count`` new candidates: wide steps, recombinations, fresh blood."""
        ...

    def close(self) -> None:
        """End all that is at work, from another thread: it is asked again when the run goes on."""
        ...

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return up to ``brief.count`` directed variants of ``brief.parents``, which have just been diagnosed."""
        ...
