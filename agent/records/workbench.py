"""The workbench of a brief: an explorer inspects earlier versions with it, and tries drafts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from autotts.envs.statistics import Floats

EpisodeKind = Literal[
    "wrong", "right", "most_tokens", "most_wasted", "pruned_right", "stopped_early", "hopeless", "lost_to", "gained_on"
]
"""Kinds of episodes that `Workbench.find_episodes` lists; the last two need a second version."""

TryStatus = Literal["ran", "failed", "not_run"]
"""How a try ended: the draft ran; it was run and failed; or it was refused, or equals an earlier program."""


@dataclass(frozen=True, slots=True)
class DraftReport:
    """The result of a try."""

    text: str
    status: TryStatus


@dataclass(frozen=True, slots=True)
class EpisodeList:
    """A table of episodes."""

    text: str
    handles: tuple[str, ...]
    """The handle of each episode, which `Workbench.read_trace` takes, in the order of the table."""


class Workbench(Protocol):
    """Access to all versions that have been evaluated so far, and a sandbox for drafts: one for each brief.

    Methods that return text return a small plain text for a language model. No text holds a gold answer, a question or
    the name of an environment: environments are e1, e2, ..., and answers are letters. Every method raises `InputError`
    for a version that does not exist, for a version without the data that is asked for, and for a number out of range.
    """

    @property
    def traces(self) -> bool:
        """Whether the methods show findings and single episodes."""
        ...

    @property
    def budgets(self) -> Floats:
        """Token budgets over which quality is a mean: mean tokens of a question, ascending."""
        ...

    def scored_versions(self) -> Sequence[tuple[Mapping[str, Any], float]]:
        """Return ``data`` and quality, in points, of every version that ran."""
        ...

    def list_versions(self, order: str = "quality", limit: int = 5, offset: int = 0) -> str:
        """Return a table of versions with their quality, curve and rationale."""
        ...

    def index(self) -> str:
        """Return the table of all versions, the best first."""
        ...

    def describe_progress(self) -> str:
        """Return the scale of quality, the best version, and how long there has been no clear progress."""
        ...

    def describe_parts(self) -> str:
        """Return what the environments have beyond answers, and how a controller uses it; "" for answers alone."""
        ...

    def describe_missing(self, source: str) -> str:
        """Return what ``source`` declares to need and the environments lack, in a sentence; "" for nothing."""
        ...

    def read_source(self, version: str, offset: int = 0) -> str:
        """Return the source of a version or draft, from character ``offset`` on."""
        ...

    def scaling_curve(self, versions: Sequence[str], every: bool = False, offset: int = 0) -> str:
        """Return the scaling curves of a few versions or drafts; ``every``: at every beta of the grid."""
        ...

    def compare(self, first: str, second: str, every: bool = False) -> str:
        """Return how ``second`` differs from ``first``: at equal tokens, by beta, by environment and in findings."""
        ...

    def findings(self, version: str) -> str:
        """Return the findings of a version or draft."""
        ...

    def find_episodes(
        self, version: str, kind: EpisodeKind, other: str | None = None, beta: float | None = None, limit: int = 10,
        offset: int = 0,
    ) -> str:  # fmt: skip
        """Return the text of `list_episodes`."""
        ...

    def list_episodes(
        self, version: str, kind: EpisodeKind, other: str | None = None, beta: float | None = None, limit: int = 10,
        offset: int = 0,
    ) -> EpisodeList:  # fmt: skip
        """Return a table of episodes of one kind, each with the handle that `read_trace` takes."""
        ...

    def read_trace(self, version: str, episode: str, offset: int = 0) -> str:
        """Return one episode of a version or draft, step by step."""
        ...

    def try_candidate(self, source: str, against: str | None = None) -> str:
        """Return the text of `try_draft`."""
        ...

    def try_draft(self, source: str, against: str | None = None) -> DraftReport:
        """Run a draft on a part of the search set, and return how it compares with ``against`` and the best version.

        Raises:
            SandboxError: the sandbox failed.
        """
        ...

    def describe_same_program(self, source: str) -> str | None:
        """Return a sentence that names the version with the same program as ``source``; None if there is none."""
        ...

    def check_parents(self, parents: Sequence[str]) -> None:
        """Check that every id is that of a version, and not of a draft."""
        ...

    def sanitize(self, message: str) -> str:
        """Return the message of a failed candidate as one safe line, without names of environments."""
        ...
