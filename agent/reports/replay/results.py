"""Computes all results of a replay from the runs of each controller on each environment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from autotts.envs.statistics import MEAN, Interval, Point, QuestionSample, means
from autotts.envs.store import Environment

from ...archive.archive import sha256
from ...records.card import Card
from ...records.migration import BASELINE
from ...records.version import GIVEN
from .comparisons import EqualAccuracy, PairedComparison, compare_with_reference, tokens_at_equal_accuracy
from .ranks import Ranking, ranking
from .select import ReplayEntry
from .work import FULL, REFERENCE, ReplayMeasurement, ReplaySettings

FORMAT = 1


@dataclass(frozen=True, slots=True)
class ReplayedEnvironment:
    """An environment of the replay."""

    name: str
    hash: str
    questions: int
    branches: int
    searched: bool
    """Whether the search of one of the versions used it; then only the branch orders are new."""


@dataclass(frozen=True, slots=True)
class ReplayedController:
    """A controller of the replay."""

    label: str
    name: str
    baseline: bool
    source_sha256: str
    generation: int
    explorer: str
    parents: tuple[str, ...]
    audited: int
    """Episodes that the look-ahead audit played again."""
    episodes: int
    """Episodes on the environments on which it did not fail."""

    @property
    def audit(self) -> str:
        """How far it was audited, as text: ``full``, or ``sampled (N of M episodes)``; empty if it failed."""
        if not self.episodes:
            return ""
        if self.audited == self.episodes:
            return "full"
        return f"sampled ({self.audited:,} of {self.episodes:,} episodes)"


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """Results of a controller at one beta on one environment, or on the mean of all environments."""

    controller: str
    point: Point
    against: PairedComparison | None
    """Comparison with the reference; None if the reference failed."""
    dollars: float | None
    """Cost of 1,000 questions; None without a price."""
    dollars_ci: Interval | None


@dataclass(frozen=True, slots=True)
class EqualAccuracyRow:
    """A controller at the reference's accuracy on one environment, or on the mean of all environments."""

    controller: str
    environment: str
    equal: EqualAccuracy
    dollars: float | None
    """Cost of 1,000 questions; None without a price, or if the accuracy is not reached."""


@dataclass(frozen=True, slots=True)
class ReplayFailure:
    """A controller that failed on an environment."""

    controller: str
    environment: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class ReplayResults:
    """All results of a replay."""

    format: int
    settings: ReplaySettings
    price: float | None
    """Dollars per million output tokens."""
    environments: tuple[ReplayedEnvironment, ...]
    overall: str
    """Name of the results over all environments: the mean, or the only environment."""
    controllers: tuple[ReplayedController, ...]
    reference: tuple[Point, ...]
    """`REFERENCE` at beta 1, on each environment and overall."""
    rows: tuple[ReplayRow, ...]
    equal: tuple[EqualAccuracyRow, ...]
    ranking: Ranking | None
    failures: tuple[ReplayFailure, ...]
    best: str = ""
    """The controller that is the best version of the archive (`agent.archive.best`); empty if it takes no part."""

    @property
    def focus(self) -> float:
        """The beta of tables that show only one: 0.5, or the middle one."""
        betas = sorted(self.settings.betas)
        return 0.5 if 0.5 in betas else betas[(len(betas) - 1) // 2]

    @property
    def held_out(self) -> int:
        """Number of environments that the search had not seen; 0 if no search has found any of the controllers."""
        if all(controller.baseline or controller.explorer == GIVEN for controller in self.controllers):
            return 0
        return sum(not env.searched for env in self.environments)

    @property
    def places(self) -> tuple[str, ...]:
        """The environments, preceded by the mean if there are several."""
        names = tuple(env.name for env in self.environments)
        return names if self.overall in names else (self.overall, *names)


def results(
    entries: Sequence[ReplayEntry], environments: Sequence[Environment],
    measured: Mapping[tuple[str, str], ReplayMeasurement],
    references: Mapping[str, ReplayMeasurement], cards: Sequence[Card], settings: ReplaySettings, price: float | None,
) -> ReplayResults:  # fmt: skip
    """Compute the results of a replay.

    A controller that failed on one environment has no mean, because that mean would be over other questions.

    Args:
        entries: the controllers, including baselines.
        environments: in the order of the report.
        measured: runs by label and environment name.
        references: runs of `REFERENCE` at beta 1, by environment name.
        cards: the cards of the archive.
        settings: the settings of all runs.
        price: dollars per million output tokens.
    """
    names = [environment.name for environment in environments]
    overall = MEAN if len(names) > 1 else names[0]
    curves = {entry.label: _curves([measured[entry.label, name] for name in names]) for entry in entries}
    reference = {name: curve[0] for name, curve in _curves([references[name] for name in names]).items()}
    rows, equals = [], []
    for entry in entries:
        for place, curve in curves[entry.label].items():
            base = reference.get(place)
            rows += [_row(entry.label, sample, base, price) for sample in curve]
            equals += [_at_equal(entry.label, place, tokens_at_equal_accuracy(curve, base), price)] if base else []
    done = {label: by_environment[overall] for label, by_environment in curves.items() if overall in by_environment}
    searched = {digest for entry in entries if entry.card for digest in entry.card.protocol.environments.values()}
    searched |= {digest for entry in entries for digest in entry.seen}
    replayed = tuple(
        ReplayedEnvironment(env.name, env.hash, len(env), len(env.final_answers), env.hash in searched)
        for env in environments
    )
    new = bool(searched) and not all(env.searched for env in replayed)
    return ReplayResults(
        format=FORMAT, settings=settings, price=price, overall=overall,
        environments=replayed,
        controllers=tuple(_controller(entry, [measured[entry.label, name] for name in names]) for entry in entries),
        reference=tuple(sample.point() for sample in reference.values()),
        rows=tuple(rows), equal=tuple(equals), ranking=ranking(entries, done, cards, new),
        failures=tuple(
            ReplayFailure(entry.label, name, run.verdict.kind, run.verdict.message)
            for entry in entries for name in names if not (run := measured[entry.label, name]).verdict.ok
        ) + tuple(
            ReplayFailure(f"{REFERENCE} at beta {FULL:g}", name, run.verdict.kind, run.verdict.message)
            for name, run in references.items() if not run.verdict.ok
        ),
        best=next((entry.label for entry in entries if entry.best), ""),
    )  # fmt: skip


def _curves(runs: Sequence[ReplayMeasurement]) -> dict[str, list[QuestionSample]]:
    """Return a controller's curves by environment, the mean last."""
    samples = [sample for run in runs for sample in run.samples]
    if len(runs) > 1 and all(run.verdict.ok for run in runs):
        samples += means(samples)
    curves: dict[str, list[QuestionSample]] = {}
    for sample in samples:
        curves.setdefault(sample.environment, []).append(sample)
    return curves


def _row(label: str, sample: QuestionSample, reference: QuestionSample | None, price: float | None) -> ReplayRow:
    point = sample.point()
    low, high = point.mean_tokens_ci
    return ReplayRow(
        label, point, compare_with_reference(sample, reference) if reference else None,
        None if price is None else _dollars(point.mean_tokens, price),
        None if price is None else (_dollars(low, price), _dollars(high, price)),
    )  # fmt: skip


def _at_equal(label: str, place: str, equal: EqualAccuracy, price: float | None) -> EqualAccuracyRow:
    return EqualAccuracyRow(
        label, place, equal, None if price is None or equal.tokens is None else _dollars(equal.tokens, price)
    )


def _dollars(tokens: float, price: float) -> float:
    """Return the dollars for 1,000 questions with ``tokens`` each, at ``price`` dollars per million tokens."""
    return tokens * price / 1000.0


def _controller(entry: ReplayEntry, runs: Sequence[ReplayMeasurement]) -> ReplayedController:
    card = entry.card
    return ReplayedController(
        entry.label, card.name if card else entry.label, entry.baseline, sha256(entry.source.encode()),
        card.generation if card else 0, card.explorer if card else BASELINE if entry.baseline else GIVEN,
        card.parents if card else (), sum(run.audited for run in runs), sum(run.episodes for run in runs),
    )  # fmt: skip
