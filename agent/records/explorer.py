"""What an explorer is asked and what it answers: the one way to bring an explorer of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from ..tools.workbench import SearchWorkbench
from .version import Cost, Credit, Expectation, Version


class LimitReached(Exception):
    """A limit on money, calls or hours forbids another call. The message says which, and how much has been used.

    Attributes:
        scope: whether it ends the run, or only this generation.
    """

    def __init__(self, why: str, scope: Literal["run", "generation"] = "run") -> None:
        super().__init__(why)
        self.scope = scope


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
    cost: Cost = field(default_factory=Cost)
    arm: str = ""
    """By which of its ways the explorer made it, if a bandit drew that; it is told what each brought (`Brief.arms`)."""
    author: str = ""
    """Who wrote it, where the explorer is a mixture of several; the explorer's own name if empty."""
    prompts: str = ""
    """Version of the prompts that it was asked for with; empty without a language model."""
    transcript: str = ""
    """The conversation that led to it, as text, without secrets; kept beside the version."""


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
    """Which of the step's briefs this is, where an explorer asks for one proposal at a time (`one_at_a_time`)."""
    bench: SearchWorkbench | None = None
    """All that has been tried so far, to be looked at, and a place to try a draft; None in a test without one."""


class Explorer(Protocol):
    """Writes candidates. To bring another explorer, implement these and add it to `agent.explorers.registry`.

    An explorer is stateless: all it needs to know comes in the brief, all it wants to remember goes into
    `Proposal.data`. So a run that was killed can ask again and get the same answer. Both methods raise `LimitReached`
    where a limit forbids to go on: the run then ends in good order with what it has.
    """

    name: str
    one_at_a_time: bool
    """Whether it writes one proposal at a time, so that a step asks it several times, side by side (``count`` is 1)."""
    needs_own_data: bool
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
