"""The JSON of each command: what `--json` writes. docs/command.md shows it; keys are added, but never renamed.

A figure that is infinite or no number is null.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, RootModel

from autotts.envs.importing.plausibility import Warned
from autotts.envs.importing.report import ImportReport
from autotts.envs.statistics import CurveDifference, Interval, Point
from autotts.envs.store import Environment
from autotts.envs.summary import Summary
from autotts.envs.trace import Trace
from autotts.sandbox.check import AttackAttempt

from ..archive.best import BestVersion
from ..archive.run_report import Optimism, RunReport
from ..archive.run_settings import RunSetting
from ..archive.version import Version
from ..llm.budget import Spending, SpendingLimits
from ..records.card import Card
from ..records.version import Credit, CurvePoint, Finding
from ..reports.replay.results import ReplayFailure
from .machine import MachineCheck


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


class EvaluateDocument(RootModel[list[EvaluationRow]]):
    """A list with a row for each controller, environment and beta."""

    @classmethod
    def of(cls, rows: Iterable[tuple[str, Point]]) -> EvaluateDocument:
        """Return the document of points, each with the name of its controller."""
        return cls([_row(name, point) for name, point in rows])


class CompareDocument(RootModel[list[CurveDifference]]):
    """A list with a row for each environment and beta: the first controller minus the second, paired; the mean last."""


class VersionRow(Document):
    """A version of an archive."""

    id: str
    name: str
    """What the controller calls itself."""
    generation: int
    explorer: str
    parents: tuple[str, ...]
    verdict: str
    """`ok` if it ran on every episode, else how it failed."""
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


class StatusDocument(Document):
    """A run."""

    run: str
    """Its directory."""
    state: str
    """`finished`, `not finished`, or why it stopped early."""
    explorer: str
    environments: dict[str, str]
    """Content hash of each environment of the search set, by name."""
    simulated: dict[str, str]
    generation: int
    """The last generation that is archived."""
    generations: int
    versions: int
    failures: dict[str, int]
    """Number of candidates that failed, by kind."""
    spent: Spending
    limits: SpendingLimits
    """What the run, and each generation, may spend."""
    hypervolume: float
    credits: dict[str, Credit]
    """What the versions of each explorer have added to the hypervolume."""
    episodes_per_second: float | None
    optimism: Optimism | None
    """How much the search overestimates its choice."""
    best: BestVersion | None
    ranked: tuple[VersionRow, ...]
    """The five best versions, by shrunk quality."""
    settings: dict[str, RunSetting]
    """The settings with which the run began, by option."""


class LineageDocument(Document):
    """All versions of an archive."""

    archive: str
    best: BestVersion | None
    optimism: Optimism | None
    versions: tuple[VersionRow, ...]
    """By generation and id."""


class ShowDocument(Document):
    """One version with its card and its source."""

    version: VersionRow
    card: Card
    """The whole `card.json`."""
    source: str


class DiffDocument(Document):
    """Two versions."""

    first: VersionRow
    second: VersionRow
    diff: str
    """The unified difference of their sources."""


class TraceDocument(RootModel[Trace]):
    """One episode; in replay its answers are known."""


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


class HistoryDocument(Document):
    """The checkpoints of a run, the latest first."""

    run: str
    checkpoints: tuple[CheckpointRow, ...]


class DiscoverDocument(Document):
    """The result of a run: its final evaluation on branch orders that the search has not used."""

    run: str
    """Its directory."""
    best: BestVersion | None
    report: RunReport
    """The content of `report.json`."""
    spent: Spending
    stopped: str
    """The limit that ended the run early; empty if none did."""


class ReplayDocument(Document):
    """The result of a replay; `results.json` in its directory holds more."""

    directory: str
    """Where the report lies."""
    rows: tuple[EvaluationRow, ...]
    failures: tuple[ReplayFailure, ...]


class TryDocument(Document):
    """A draft on a part of the search set of a run."""

    controller: str
    run: str
    verdict: str
    """`ok`, or how it failed."""
    message: str
    """What happened, where it failed."""
    rows: tuple[EvaluationRow, ...]
    quality: float | None
    """Its quality on this part."""
    best: BestVersion | None
    """The best version of the run, measured on more episodes."""
    findings: tuple[Finding, ...]
    printed: str
    """What the controller printed."""


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


class EnvListDocument(Document):
    """The environments of the data root."""

    data: str
    """The data root."""
    environments: tuple[EnvironmentRow, ...]


class EnvironmentSummary(Document):
    """Figures of one environment."""

    environment: EnvironmentRow
    probe_cost: int
    """Tokens of a probe."""
    answers: str
    """How answers were compared at import."""
    signals: tuple[str, ...]
    summary: Summary


class EnvShowDocument(RootModel[list[EnvironmentSummary]]):
    """A list with the figures of each environment."""

    @classmethod
    def of(cls, found: Iterable[tuple[Environment, Summary]]) -> EnvShowDocument:
        """Return the document of environments with their figures."""
        return cls(
            [
                EnvironmentSummary(
                    environment=EnvironmentRow.of(env.name, env), probe_cost=env.probe_cost,
                    answers=env.answers, signals=tuple(env.signals), summary=summary,
                )
                for env, summary in found
            ]
        )  # fmt: skip


class ValidationRow(Document):
    """The check of one environment file."""

    name: str
    hash: str | None
    """Content hash; null if the file is damaged."""
    problem: str


class EnvValidateDocument(RootModel[list[ValidationRow]]):
    """A list with the check of each environment file."""


class SkippedReason(Document):
    """The rows and branches that were skipped for one reason."""

    reason: str
    count: int
    places: tuple[str, ...]
    """The first few places in the files."""


class AnswersCompared(Document):
    """How the answers of an import were compared."""

    kind: str
    """See `--answers`."""
    reason: str
    merged: int
    """Spellings that were replaced by another one of the same answer, summed over questions."""
    look_alikes: int
    """Pairs of answers of one question that look alike and were left apart."""


class EnvImportDocument(Document):
    """The numbers of taken and skipped branches."""

    environment: str
    format: str
    files: tuple[str, ...]
    hash: str
    """Content hash; empty if nothing was written."""
    questions: int
    branches: int
    width: tuple[int, int]
    """Fewest and most branches of a question."""
    probes: int
    delta: int
    """Tokens of an interval."""
    answers: AnswersCompared | None
    """How answers were compared; null if nothing was read."""
    skipped: tuple[SkippedReason, ...]
    notes: tuple[str, ...]
    """Facts that a reader of the figures should know."""
    warnings: tuple[Warned, ...]
    """Reasons to doubt the figures."""

    @classmethod
    def of(cls, report: ImportReport) -> EnvImportDocument:
        """Return the document of an import."""
        return cls.model_validate(report.document())


class DoctorDocument(Document):
    """The state of this machine."""

    isolates: bool
    """Whether candidates can be isolated here."""
    parts: tuple[MachineCheck, ...]


class SandboxCheckDocument(Document):
    """The attacks on a sandbox."""

    sandbox: str
    attempts: tuple[AttackAttempt, ...]


class ArchiveVerifyDocument(Document):
    """The check of every hash of an archive."""

    archive: str
    problems: tuple[str, ...]
    """One line for each file that is wrong."""


DOCUMENTS: Mapping[str, type[BaseModel]] = {
    "evaluate": EvaluateDocument,
    "compare": CompareDocument,
    "replay": ReplayDocument,
    "discover": DiscoverDocument,
    "resume": DiscoverDocument,
    "try": TryDocument,
    "status": StatusDocument,
    "history": HistoryDocument,
    "lineage": LineageDocument,
    "show": ShowDocument,
    "diff": DiffDocument,
    "trace": TraceDocument,
    "env list": EnvListDocument,
    "env show": EnvShowDocument,
    "env validate": EnvValidateDocument,
    "env import": EnvImportDocument,
    "archive verify": ArchiveVerifyDocument,
    "sandbox check": SandboxCheckDocument,
    "doctor": DoctorDocument,
}
"""The JSON of each command that has `--json`."""


def rows(points: Sequence[tuple[str, Point]]) -> tuple[EvaluationRow, ...]:
    """Return points, each with the name of its controller, as rows."""
    return tuple(_row(name, point) for name, point in points)


def _row(name: str, point: Point) -> EvaluationRow:
    return EvaluationRow(controller=name, **dataclasses.asdict(point))
