"""What an explorer is asked and what it answers: the one way to bring an explorer of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .version import Cost, Credit, Expectation, Version
from .workbench import Workbench


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
    bench: Workbench | None = None
    """All that has been tried so far, to be looked at, and a place to try a draft; None in a test without one."""


class Explorer(Protocol):
    """Writes candidates: the one interface of all explorers, ours and yours.

    Subclass it, or write a class with the same attributes::

        class Widths(Explorer):
            name = "widths"

            def propose(self, brief: Brief) -> list[Proposal]:
                return [Proposal(source, rationale, parents=[version.id for version in brief.parents[:1]])]

            def refine(self, brief: Brief) -> list[Proposal]:
                return self.propose(brief)

    Give an object to `autotts.discover`, or its name to ``autotts discover --explorer``: ``package.module:object``, or
    an entry point of the group ``autotts.explorers``. The object is a class or a function. It is called without
    arguments, once for each process that works on the run; a function can fill in the settings of a class.

    The loop asks twice in each generation: `propose` for wide steps, then `refine` for variants of the best versions,
    the new ones included, after these have run and have been diagnosed. It runs each candidate in a sandbox, removes
    duplicates, and archives all others with their scores or their failure.

    An explorer is stateless. It finds all that it needs in the brief, and keeps what it wants to remember in
    `Proposal.data`. Then a killed run can ask again and get the same answer. Draw random numbers from
    ``random.Random(brief.seed)`` only. Both methods may raise `LimitReached` where a limit on money, calls or hours
    forbids to go on: the run then ends in good order with what it has. The limits of a run count the calls of the
    explorers that come with it. An explorer with paid calls of its own keeps to limits of its own, and says in
    `Proposal.cost` what a proposal has cost. Any other exception ends the run, which can be resumed.

    Check an implementation with `autotts.testing.check_explorer`.
    """

    name: str
    """What cards call it: a short identifier. Explorers of a mixture have different names."""
    one_at_a_time: bool = False
    """Whether it writes one proposal at a time: a step then asks several times, in several threads (``count`` is 1)."""
    needs_own_data: bool = False
    """Whether it can build only on versions in whose ``data`` it has left something."""

    def propose(self, brief: Brief) -> list[Proposal]:
        """Return up to ``brief.count`` new candidates: wide steps, recombinations, new ideas.

        Raises:
            LimitReached: a limit forbids to go on.
        """
        ...

    def refine(self, brief: Brief) -> list[Proposal]:
        """Return up to ``brief.count`` directed variants of ``brief.parents``, which have just been diagnosed.

        Raises:
            LimitReached: a limit forbids to go on.
        """
        ...

    def close(self) -> None:
        """Stop all work at once: called from another thread, perhaps twice. A resumed run asks again."""


EXPLORER_ATTRIBUTES = ("name", "one_at_a_time", "needs_own_data", "propose", "refine", "close")
"""What every explorer must have."""
