"""All figures of a replay, from what each controller did on each environment: pure, and the same for every writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from envs.statistics import MEAN, Interval, Point, QuestionSample, means
from envs.store import Environment

from ...archive.archive import sha256
from ...records.card import Card
from ...records.migration import BASELINE
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
    """Whether the search of one of the versions used it: then only the branch orders are new."""


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


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A controller at one beta on one environment, or on the mean of all."""

    controller: str
    point: Point
    against: PairedComparison | None
    """None where the reference failed."""
    dollars: float | None
    """Of 1,000 questions; None without a price."""
    dollars_ci: Interval | None


@dataclass(frozen=True, slots=True)
class EqualAccuracyRow:
    """A controller at the reference's accuracy on one environment, or on the mean of all."""

    controller: str
    environment: str
    equal: EqualAccuracy
    dollars: float | None
    """Of 1,000 questions; None without a price, or where the accuracy is not reached."""


@dataclass(frozen=True, slots=True)
class ReplayFailure:
    """A controller that did not get through an environment."""

    controller: str
    environment: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class ReplayResults:
    """A replay in figures."""

    format: int
    settings: ReplaySettings
    price: float | None
    """Dollars for a million output tokens."""
    environments: tuple[ReplayedEnvironment, ...]
    overall: str
    """What figures over all environments are called: the mean, or the only environment."""
    controllers: tuple[ReplayedController, ...]
    reference: tuple[Point, ...]
    """`REFERENCE` at beta 1, on each environment and overall."""
    rows: tuple[ReplayRow, ...]
    equal: tuple[EqualAccuracyRow, ...]
    ranking: Ranking | None
    failures: tuple[ReplayFailure, ...]

    @property
    def focus(self) -> float:
        """The beta that is shown where there is room for one: 0.5, or the one in the middle."""
        betas = sorted(self.settings.betas)
        return 0.5 if 0.5 in betas else betas[(len(betas) - 1) // 2]

    @property
    def held_out(self) -> int:
        """Environments that the search had not seen."""
        return sum(not world.searched for world in self.environments)

    @property
    def places(self) -> tuple[str, ...]:
        """The environments, and the mean first where there are several."""
        names = tuple(world.name for world in self.environments)
        return names if self.overall in names else (self.overall, *names)


def results(
    entries: Sequence[ReplayEntry], environments: Sequence[Environment],
    measured: Mapping[tuple[str, str], ReplayMeasurement],
    references: Mapping[str, ReplayMeasurement], cards: Sequence[Card], settings: ReplaySettings, price: float | None,
) -> ReplayResults:  # fmt: skip
    """Return the figures of a replay.

    A controller that failed on one environment has no mean, for it would be one over other questions.

    Args:
        entries: the controllers, baselines among them.
        environments: in the order of the report.
        measured: by label and name of the environment.
        references: `REFERENCE` at beta 1 alone, by name of the environment.
        cards: of the archive.
        settings: with which all was run.
        price: dollars for a million output tokens.
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
    done = {label: found[overall] for label, found in curves.items() if overall in found}
    searched = {digest for entry in entries if entry.card for digest in entry.card.protocol.environments.values()}
    worlds = tuple(
        ReplayedEnvironment(env.name, env.hash, len(env), len(env.final_answers), env.hash in searched)
        for env in environments
    )
    new = not all(world.searched for world in worlds)
    return ReplayResults(
        format=FORMAT, settings=settings, price=price, overall=overall,
        environments=worlds,
        controllers=tuple(map(_controller, entries)),
        reference=tuple(sample.point() for sample in reference.values()),
        rows=tuple(rows), equal=tuple(equals), ranking=ranking(entries, done, cards, new),
        failures=tuple(
            ReplayFailure(entry.label, name, found.verdict.kind, found.verdict.message)
            for entry in entries for name in names if not (found := measured[entry.label, name]).verdict.ok
        ) + tuple(
            ReplayFailure(f"{REFERENCE} at beta {FULL:g}", name, found.verdict.kind, found.verdict.message)
            for name, found in references.items() if not found.verdict.ok
        ),
    )  # fmt: skip


def _curves(found: Sequence[ReplayMeasurement]) -> dict[str, list[QuestionSample]]:
    """Return a controller's curves by environment, those of the mean last."""
    samples = [sample for measured in found for sample in measured.samples]
    if len(found) > 1 and all(measured.verdict.ok for measured in found):
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


def _at_equal(label: str, place: str, found: EqualAccuracy, price: float | None) -> EqualAccuracyRow:
    return EqualAccuracyRow(
        label, place, found, None if price is None or found.tokens is None else _dollars(found.tokens, price)
    )


def _dollars(tokens: float, price: float) -> float:
    """Return the dollars of 1,000 questions of so many tokens, at a price for a million."""
    return tokens * price / 1000.0


def _controller(entry: ReplayEntry) -> ReplayedController:
    card = entry.card
    return ReplayedController(
        entry.label, card.name if card else entry.label, entry.baseline, sha256(entry.source.encode()),
        card.generation if card else 0, card.explorer if card else BASELINE, card.parents if card else (),
    )  # fmt: skip
