"""The JSON of each command: what `--json` writes. docs/command.md shows it; keys are added, but never renamed.

A figure that is infinite or no number is null.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel, Field, RootModel

from autotts.envs.importing.plausibility import Warned
from autotts.envs.importing.report import ImportReport
from autotts.envs.live.capabilities import EndpointReport
from autotts.envs.live.collecting.estimate import CollectEstimate
from autotts.envs.live.collecting.session import CollectOutcome, CollectPlan
from autotts.envs.statistics import Point
from autotts.envs.store import Environment
from autotts.envs.summary import Summary, summarize
from autotts.envs.trace import Trace
from autotts.sandbox.check import AttackAttempt

from ..archive.best import BestVersion
from ..archive.run_report import HeldOutGap, Optimism, RunReport
from ..archive.run_settings import RunSetting
from ..llm.budget import Spending, SpendingLimits
from ..records.card import Card
from ..records.version import Credit, Finding
from ..reports.replay.results import ReplayFailure
from .json_rows import (
    ArchiveRow,
    CheckpointRow,
    ClusterNodeRow,
    ComparisonRow,
    Document,
    EnvironmentRow,
    EnvironmentSummary,
    EvaluationRow,
    SkippedReason,
    TokensByKind,
    ValidationRow,
    VersionRow,
    rows,
)
from .live_documents import AskDocument, FidelityDocument
from .machine import MachineCheck


class EvaluateDocument(RootModel[list[EvaluationRow]]):
    """A list with a row for each controller, environment and beta."""

    @classmethod
    def of(cls, points: Sequence[tuple[str, Point]]) -> EvaluateDocument:
        """Return the document of points, each with the name of its controller."""
        return cls(list(rows(points)))


class CompareDocument(RootModel[list[ComparisonRow]]):
    """A list with a row for each environment and beta: the first controller minus the second, paired; the mean last."""


class StatusDocument(Document):
    """A run."""

    run: str
    """Its directory."""
    state: str
    """`running` and the process that works on it, `finished`, `not finished`, or why it stopped early."""
    explorer: str
    environments: dict[str, str]
    """Content hash of each environment of the search set, by name."""
    holdout: float
    """Share of the questions of each benchmark that is held out; 0 if the search uses all."""
    held_out: dict[str, str]
    """Content hash of the held-out questions of each environment, by name."""
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
    gap: HeldOutGap | None
    """What held-out questions show of the choice of the search; None without them, or before the final evaluation."""
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
    gap: HeldOutGap | None
    """What held-out questions show of the choice of the search; None without them, or before the final evaluation."""
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
    audits: dict[str, str]
    """How far each controller was audited: `full`, or `sampled (N of M episodes)`; empty if it failed everywhere."""


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


class EnvListDocument(Document):
    """The environments of the data root."""

    data: str
    """The data root."""
    environments: tuple[EnvironmentRow, ...]


class EnvShowDocument(RootModel[list[EnvironmentSummary]]):
    """A list with the figures of each environment."""

    @classmethod
    def of(cls, found: Iterable[tuple[Environment, Summary]]) -> EnvShowDocument:
        """Return the document of environments with their figures."""
        return cls([EnvironmentSummary.of(env, summary) for env, summary in found])


class CollectDocument(Document):
    """What a collection has reached."""

    file: str
    """The environment file."""
    work: str
    """The work directory, from which the same command goes on."""
    environment: EnvironmentSummary | None
    """Its figures; null if it is not written yet."""
    model: str
    finished: int
    """Branches that are finished."""
    total: int
    lost: int
    """Finished branches that were lost, and have no answer."""
    tokens: TokensByKind
    """Of branches."""
    probe_tokens: TokensByKind
    """Of probes."""
    dollars: float | None
    """Null if no price is known."""
    seconds: float
    """Of this command."""
    stopped: str
    """Why it ended early; empty if it did not."""
    estimate: CollectEstimate | None
    """Of `--dry-run`."""
    notes: tuple[str, ...]
    """Facts that a reader of the figures should know."""

    @classmethod
    def of(cls, plan: CollectPlan, path: Path, outcome: CollectOutcome) -> CollectDocument:
        """Return the document of a session."""
        collection, made = outcome.collection, outcome.made
        summary = EnvironmentSummary.of(made.environment, summarize(made.environment)) if made else None
        return cls(
            file=str(path), work=str(plan.home), environment=summary,
            model=outcome.model, finished=collection.finished, total=collection.total, lost=collection.lost,
            tokens=TokensByKind.of(collection.use), probe_tokens=TokensByKind.of(collection.probe_use),
            dollars=outcome.dollars, seconds=outcome.seconds, estimate=outcome.estimate,
            stopped=outcome.stopped.why if outcome.stopped else "", notes=tuple(made.notes) if made else (),
        )  # fmt: skip


class EnvValidateDocument(RootModel[list[ValidationRow]]):
    """A list with the check of each environment file."""


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


class ClusterDocument(Document):
    """What the nodes of a Ray cluster offer."""

    cluster: str
    usable: bool
    """Whether every node can be used."""
    slots: int
    """Shares of episodes that the nodes play at the same time."""
    nodes: tuple[ClusterNodeRow, ...]


class ArchiveListDocument(RootModel[list[ArchiveRow]]):
    """A list with the archives that ship, and those of the runs under `./runs`."""


class ArchiveVerifyDocument(Document):
    """The check of every hash of an archive."""

    archive: str
    problems: tuple[str, ...]
    """One line for each file that is wrong."""
    rescored: tuple[str, ...] = ()
    """With `--rescore`: versions whose action logs, scored again here, give the figures of their cards."""
    unchecked: dict[str, str] = Field(default_factory=dict)
    """With `--rescore`: why a version could not be scored again."""
    claimed: tuple[str, ...] = ()
    """Imported versions whose figures are only claimed: they have no rank."""


class RunVerifyDocument(Document):
    """The check of every file of a run."""

    run: str
    problems: tuple[str, ...]
    """One line for each file, line or row that is wrong, with what to do."""
    notes: tuple[str, ...]
    """Files that could not be checked, such as those of an earlier version, and why."""


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
    "ask": AskDocument,
    "fidelity": FidelityDocument,
    "env list": EnvListDocument,
    "env show": EnvShowDocument,
    "env validate": EnvValidateDocument,
    "env import": EnvImportDocument,
    "collect": CollectDocument,
    "endpoint check": EndpointReport,
    "archive list": ArchiveListDocument,
    "archive verify": ArchiveVerifyDocument,
    "run verify": RunVerifyDocument,
    "sandbox check": SandboxCheckDocument,
    "doctor": DoctorDocument,
    "cluster check": ClusterDocument,
}
"""The JSON of each command that has `--json`."""
