"""The explorer protocol: the brief that an explorer gets, and the proposals that it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from .version import BriefVersion, Cost, Credit, Expectation
from .workbench import Workbench


class LimitReached(Exception):
    """A limit on money, calls or hours forbids another call. The message names the limit and how much has been used.

    Attributes:
        scope: "run" if the limit ends the run, "generation" if only this generation.
    """

    def __init__(self, why: str, scope: Literal["run", "generation"] = "run") -> None:
        super().__init__(why)
        self.scope = scope


@dataclass(frozen=True, slots=True)
class Proposal:
    """A candidate, as an explorer proposes it."""

    source: str
    """A complete Python module with one `Controller` subclass."""
    rationale: str
    """A few sentences: the change, its reason, and the improvement that is expected."""
    parents: tuple[str, ...] = ()
    """Ids of the versions that it was made from."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """Data that the explorer gets back in `BriefVersion.data` (plain JSON)."""
    expects: tuple[Expectation, ...] = ()
    """Predicted changes against the first parent, which are checked after the evaluation."""
    cost: Cost = field(default_factory=Cost)
    arm: str = ""
    """Operator of the explorer that made it, if a bandit drew the operator; `Brief.arms` gives the credit of each."""
    author: str = ""
    """Name of the explorer that wrote it; empty means the explorer of the run. A mixture fills it in."""
    prompts: str = ""
    """Version of the prompts; empty without a language model."""
    transcript: str = ""
    """The conversation that led to it, as text without secrets; the archive stores it with the version."""


@dataclass(frozen=True, slots=True)
class SignalSummary:
    """A signal that all environments of the search have, and its usual values there."""

    name: str
    centre: float
    """Its median over finished branches (over all intervals if the environments have none of finished branches)."""
    scale: float
    """Half the distance between its 16% and 84% quantiles: about a standard deviation. Above 0."""
    final: bool = True
    """Whether finished branches have it; otherwise it ends with the last whole interval."""


@dataclass(frozen=True, slots=True)
class Brief:
    """The input of an explorer for one step. The same brief must lead to the same proposals."""

    seed: int
    """Seed for all random choices: derived from the run's seed, the generation and the step."""
    generation: int
    count: int
    """Number of proposals that are wanted; fewer are allowed, and none ends the generation."""
    parents: Sequence[BriefVersion]
    """Versions worth building on, in the order in which the population chose them (a version may come twice)."""
    front: Sequence[BriefVersion]
    """The best versions so far: the Pareto front of accuracy against tokens, from frugal to accurate."""
    mates: Sequence[BriefVersion] = ()
    """Versions to recombine the parents with: the front of their island."""
    credits: Mapping[str, Credit] = field(default_factory=dict)
    """Credit of each explorer so far, by name."""
    arms: Mapping[str, Credit] = field(default_factory=dict)
    """Credit of each `Proposal.arm` so far, by name."""
    lessons: Sequence[BriefVersion] = ()
    """Versions whose predictions have been checked (`BriefVersion.outcome`), the latest first."""
    slot: int = 0
    """Index of this brief among the briefs of its step."""
    bench: Workbench | None = None
    """Access to all versions so far, and a sandbox for drafts; None in tests without one."""
    signals: Sequence[SignalSummary] = ()
    """The signals that all environments of the search have: a candidate that declares others does not run there."""


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

    An explorer may declare ``writes_free_code = False``: its candidates then cannot hold data that recognise questions,
    and a run lets it search on all of them. From every other explorer a run holds out a part of the questions, for the
    final evaluation (``--holdout``).

    Check an implementation with `autotts.testing.check_explorer`.
    """

    name: str
    """Name on cards: a short identifier. Explorers of a mixture have different names."""
    one_at_a_time: bool = False
    """Whether it writes one proposal at a time: a step then asks several times, in several threads (``count`` is 1)."""
    needs_own_data: bool = False
    """Whether it can build only on versions that have its own ``data``."""

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
        """Stop all work at once; may be called from another thread, and twice. A resumed run asks again."""


EVOLUTIONARY = ("evolve", "formulas")
"""Names of the explorers that need no language model; their candidates hold no free code."""
EXPLORER_ATTRIBUTES = ("name", "one_at_a_time", "needs_own_data", "propose", "refine", "close")
"""Attributes that every explorer must have."""
