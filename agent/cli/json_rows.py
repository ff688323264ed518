"""The rows of which the JSON of commands is made (`json_documents`)."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from autotts.envs.live.exchange import TokenUse
from autotts.envs.statistics import CurveDifference, Interval, Point
from autotts.envs.store import Environment
from autotts.envs.summary import Summary

from ..archive.version import Version
from ..records.version import CurvePoint


class Document(BaseModel):
    """A part of the JSON of a command; the text below a field says what it holds."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class EvaluationRow(Document):
    """One controller at one beta on one environment, or on the mean of several."""

    controller: str
    environment: str
    """Name of the environment, or `mean`: each environment has the same weight."""
    beta: float
    accuracy_pct: float
    """Episodes that were answered right, in per cent."""
    accuracy_ci: Interval
    """95% interval over questions, as are all fields that end in `_ci`."""
    mean_tokens: float
    """Mean tokens of an episode."""
    mean_tokens_ci: Interval
    mean_latency: float
    """Mean tokens on the critical path of an episode."""
    episodes: int


class ComparisonRow(Document):
    """The first controller minus the second at one beta, paired by question and branch order.

    The fields have the names of those of `autotts evaluate`, and hold differences.
    """

    first: str
    """Name of the controller from which the other is subtracted."""
    second: str
    environment: str
    """Name of the environment, or `mean`: each environment has the same weight."""
    beta: float
    accuracy_pct: float
    """In points; positive if the first controller answers more questions right."""
    accuracy_ci: Interval
    mean_tokens: float
    """Negative if the first controller needs fewer tokens."""
    mean_tokens_ci: Interval
    mean_latency: float
    mean_latency_ci: Interval
    wins: int
    """Questions that the first controller answers right more often."""
    losses: int
    ties: int

    @classmethod
    def of(cls, first: str, second: str, difference: CurveDifference) -> ComparisonRow:
        """Return the row of a difference."""
        return cls(first=first, second=second, **dataclasses.asdict(difference))


class VersionRow(Document):
    """A version of an archive."""

    id: str
    name: str
    """What the controller calls itself."""
    generation: int
    explorer: str
    parents: tuple[str, ...]
    verdict: str
    """`ok` if it ran on every episode, else how it failed; `claimed` for an imported version whose figures nobody has
    scored again here."""
    quality: float | None
    """Mean accuracy over the token budgets of the baselines, in per cent, in the search."""
    shrunk_quality: float | None
    """`quality` less the part that is likely luck, by which versions are ranked."""
    rank: int | None
    """Place by shrunk quality, from 1."""
    on_front: bool
    """Whether it is on the Pareto front of accuracy and tokens."""
    champion_names: tuple[str, ...]
    curve: tuple[CurvePoint, ...]
    """The scaling curve on the mean of the search environments."""

    @classmethod
    def of(cls, version: Version) -> VersionRow:
        """Return the row of a version."""
        names = cls.model_fields.keys() - {"curve"}
        return cls(**{name: getattr(version, name) for name in names}, curve=tuple(version.curve))


class CheckpointRow(Document):
    """One checkpoint."""

    id: str
    when: str
    """Time in UTC, ISO 8601."""
    generation: int
    step: str
    next: tuple[str, ...]
    """The next nodes; empty at the end of the run."""
    pending: int
    """Candidates of the current generation."""


class EnvironmentRow(Document):
    """An environment of the data root."""

    name: str
    questions: int
    branches: int
    """Of all questions together."""
    delta: int
    """Tokens of an interval."""
    hash: str
    """Content hash."""

    @classmethod
    def of(cls, name: str, env: Environment) -> EnvironmentRow:
        """Return the row of an environment."""
        return cls(
            name=name, questions=len(env), branches=len(env.final_answers), delta=env.delta, hash=env.hash
        )  # fmt: skip


class EnvironmentSummary(Document):
    """Figures of one environment."""

    environment: EnvironmentRow
    probe_cost: int
    """Tokens of a probe."""
    answers: str
    """How answers were compared at import."""
    signals: tuple[str, ...]
    verify_cost: int | None
    """Tokens of a verification; null without a verifier."""
    fork_rule: str | None
    """What answers a fork that was not recorded; null without forks."""
    question_ids: tuple[str, ...]
    """Ids of the questions in the imported files, in the order of their numbers; empty if they had none."""
    imported: str
    """The options of the import, as a shell takes them."""
    provenance: dict[str, str]
    """Where collected branches come from: server, model, sampling and more; empty for imported ones."""
    summary: Summary

    @classmethod
    def of(cls, env: Environment, summary: Summary) -> EnvironmentSummary:
        """Return the figures of an environment."""
        return cls(
            environment=EnvironmentRow.of(env.name, env), probe_cost=env.probe_cost, answers=env.answers,
            signals=env.signal_names, verify_cost=None if env.verifier is None else env.verify_cost,
            fork_rule=None if env.parents is None else env.fork_rule,
            question_ids=env.question_ids, imported=env.imported,
            provenance=dict(env.provenance), summary=summary,
        )  # fmt: skip


class TokensByKind(Document):
    """Tokens as a server reports them, and requests."""

    generated: int
    prefilled: int
    """Of prompts, computed anew."""
    cached: int
    """Of prompts, from the server's prefix cache."""
    cancelled: int
    """Generated before a request was cancelled or failed, as far as they are known."""
    requests: int
    retries: int

    @classmethod
    def of(cls, use: TokenUse) -> TokensByKind:
        """Return the row of a `TokenUse`."""
        return cls(**dataclasses.asdict(use))


class ValidationRow(Document):
    """The check of one environment file."""

    name: str
    hash: str | None
    """Content hash; null if the file is damaged."""
    problem: str


class SkippedReason(Document):
    """The rows and branches that were skipped for one reason."""

    reason: str
    count: int
    places: tuple[str, ...]
    """The first few places in the files."""


class ArchiveRow(Document):
    """An archive."""

    archive: str
    """A directory, or the name of an archive that ships."""
    versions: int
    """The number of versions."""
    champions: dict[str, str]
    """The id of each champion, by its name."""


class ClusterNodeRow(Document):
    """A node of a Ray cluster."""

    address: str
    machine: str
    cpus: float
    memory: int
    """Bytes that Ray may use."""
    object_store: int
    """Bytes of the object store of the node."""
    python: str
    ray: str
    version: str
    """Of this program on the node."""
    code: str
    """A digest of the code on the node that decides the bits of results."""
    sandbox: str
    """The sandbox that works there; empty if there is none."""
    about: str
    interpreter: str
    """Of the candidates there."""
    same_bits: bool
    """Whether a small batch has given the same bits as on this machine."""
    seconds: float
    """Seconds that the small batch took."""
    problem: str
    """Why the node cannot be used; empty if it can."""


def rows(points: Sequence[tuple[str, Point]]) -> tuple[EvaluationRow, ...]:
    """Return points, each with the name of its controller, as rows."""
    return tuple(_row(name, point) for name, point in points)


def _row(name: str, point: Point) -> EvaluationRow:
    return EvaluationRow(controller=name, **dataclasses.asdict(point))
