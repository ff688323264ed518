"""A version of an archive with all that is known of it, read from disk when it is first asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from autotts.envs.statistics import Floats, Point

from .. import population
from ..population.overfitting.crossvalidation import IntervalEstimate
from ..records.card import CLAIMED, Card
from ..records.version import Cost, Finding, ScalingCurve
from .archive import Archive
from .best import BestVersion, best_version
from .names import champions_of, run_of
from .run_report import HeldOutGap, RunReport, read_report
from .shipped import PREFIX, is_shipped
from .storage.stored_path import AnyPath


@dataclass(frozen=True, slots=True)
class FreshResults:
    """The figures of a version in the final evaluation: on held-out questions, or else on other branch orders."""

    quality: float | None
    """Mean accuracy over token budgets, in per cent; None if the version failed there."""
    points: tuple[Point, ...]
    """The scaling curves on each environment and on their mean, with 95% intervals over questions."""
    first_order: int
    """The first branch order."""
    orders: int
    """The number of branch orders."""
    leads: Mapping[str, IntervalEstimate]
    """Its quality less that of each baseline, paired, in points, by the baseline's name; empty beside the front."""
    failure: str
    """Why it has no figures there; empty if it has."""
    where: str
    """The questions: ``held-out questions``, which no candidate has met, or ``fresh branch orders of the same
    questions``, which are no unseen data."""


class Version:
    """A version of an archive: its card, its source, and its figures in the search and in the final evaluation.

    The archive reads whatever is large (source, whole card, final evaluation) when it is first asked for. Two figures
    may be compared only if they were measured on the same episodes: all versions of a run were.
    """

    def __init__(self, archive: ArchivedVersions, card: Card) -> None:
        self._versions, self._lean = archive, card

    def __repr__(self) -> str:
        shown = "" if self.quality is None else f", quality {self.quality:.2f}"
        return f"<version {self.id}: generation {self.generation}, {self.explorer}, {self.verdict}{shown}>"

    @cached_property
    def card(self) -> Card:
        """The whole card: every field of ``card.json``, with the belief that shrinks its quality.

        Raises:
            DamagedFile: the file is damaged.
        """
        return self._versions.archive.card(self.id).model_copy(update={"belief": self._lean.belief})

    @property
    def root(self) -> AnyPath:
        """Where its archive is: its directory, or its place in a database."""
        return self._versions.archive.root

    @property
    def id(self) -> str:
        """The version's name in its archive: generation and hash."""
        return self._lean.id

    @property
    def name(self) -> str:
        """What the controller calls itself, or the name of a baseline."""
        return self._lean.name

    @property
    def generation(self) -> int:
        """0 for a controller that the run was given: the baselines, and those of ``--from``."""
        return self._lean.generation

    @property
    def explorer(self) -> str:
        """Who wrote it."""
        return self._lean.explorer

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of the versions that it comes from."""
        return self._lean.parents

    @property
    def children(self) -> tuple[str, ...]:
        """Ids of the versions that come from it, in this archive."""
        return self._versions.children.get(self.id, ())

    @property
    def rationale(self) -> str:
        """What was changed, and why."""
        return self._lean.rationale

    @property
    def verdict(self) -> str:
        """``ok`` if it ran on every episode; else how it failed (`Verdict.kind`), or ``duplicate``, ``screened``, or
        ``claimed``."""
        return self._lean.verdict

    @property
    def message(self) -> str:
        """What happened, where it failed."""
        return self._lean.message

    @property
    def ok(self) -> bool:
        """Whether it ran on every episode, and so has figures."""
        return self._lean.ok

    @property
    def claimed(self) -> bool:
        """Whether it was imported, and its figures are only claimed: its curve is shown, but it has no rank."""
        return self._lean.verdict == CLAIMED

    @property
    def quality(self) -> float | None:
        """Mean accuracy over the token budgets of the baselines, in per cent, in the search; None without figures."""
        return self._versions.qualities.get(self.id)

    @property
    def shrunk_quality(self) -> float | None:
        """`quality` less the part that is likely luck, by which versions are ranked; None without figures."""
        return population.merit(self._lean, self._versions.budgets) if self.ok else None

    @property
    def rank(self) -> int | None:
        """Its place by shrunk quality among all versions, from 1; None without figures."""
        return self._versions.ranks.get(self.id)

    @property
    def on_front(self) -> bool:
        """Whether it belongs to the Pareto front of accuracy and tokens."""
        return self.id in self._versions.front_ids

    @property
    def curve(self) -> ScalingCurve:
        """The scaling curve on the mean of the search environments; empty without figures."""
        return self._lean.mean_curve

    @property
    def points(self) -> tuple[Point, ...]:
        """The scaling curves on each search environment and on their mean, with 95% intervals over questions."""
        return self.card.curve

    @property
    def mean_points(self) -> tuple[Point, ...]:
        """The part of `points` on the mean of the search environments, or on the only one."""
        return tuple(self.card.mean_points)

    @property
    def fresh(self) -> FreshResults | None:
        """Its figures in the run's final evaluation; None if it did not take part, or before it."""
        return _fresh(self.id, self._versions.report)

    @property
    def champion_names(self) -> tuple[str, ...]:
        """Its names as a champion: ``balanced`` in its run, ``shipped:balanced`` among those that ship."""
        return self._versions.champion_names.get(self.id, ())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the diagnosis of its traces has found."""
        return self._lean.findings

    @property
    def outcome(self) -> str:
        """What its explorer predicted of it, and what was seen."""
        return self._lean.outcome

    @property
    def cost(self) -> Cost:
        """What the calls that led to it have cost."""
        return self._lean.cost

    @cached_property
    def source(self) -> str:
        """The Python source of the controller.

        Raises:
            DamagedFile: its file is damaged.
        """
        return self._versions.archive.source(self.id)

    @property
    def transcript(self) -> str:
        """The conversation that led to it; empty if no language model wrote it.

        Raises:
            DamagedFile: its file is damaged.
        """
        return self._versions.archive.transcript(self.id) if self._versions.archive.has_transcript(self.id) else ""


class ArchivedVersions:
    """All versions of an archive by id, as they are at the first look, and what follows from them together.

    Args:
        archive: the archive.
    """

    def __init__(self, archive: Archive) -> None:
        self.archive = archive

    @cached_property
    def cards(self) -> Sequence[Card]:
        """Lean cards with beliefs, by generation and id."""
        return self.archive.cards_with_beliefs()

    @cached_property
    def by_id(self) -> dict[str, Version]:
        """All versions."""
        return {card.id: Version(self, card) for card in self.cards}

    @cached_property
    def budgets(self) -> Floats:
        """The token budgets over which quality is a mean."""
        return population.budgets(self.cards)

    @cached_property
    def qualities(self) -> dict[str, float]:
        """Quality of each version that ran."""
        ran = [card for card in self.cards if card.ok]
        return dict(zip((card.id for card in ran), population.qualities(ran, self.budgets).tolist(), strict=True))

    @cached_property
    def ranked(self) -> list[Card]:
        """The versions that ran, best first."""
        return population.ranked(self.cards)

    @cached_property
    def ranks(self) -> dict[str, int]:
        """Place of each version that ran, from 1."""
        return {card.id: place for place, card in enumerate(self.ranked, 1)}

    @cached_property
    def front_ids(self) -> list[str]:
        """Ids of the front, from frugal to accurate."""
        run = run_of(self.archive)
        return [card.id for card in population.front(self.cards, latency=run is not None and run.config.latency)]

    @cached_property
    def children(self) -> dict[str, tuple[str, ...]]:
        """Ids of the children of each version."""
        found: dict[str, tuple[str, ...]] = {}
        for card in self.cards:
            for parent in dict.fromkeys(card.parents):
                found[parent] = (*found.get(parent, ()), card.id)
        return found

    @cached_property
    def report(self) -> RunReport | None:
        """The final evaluation of the archive's run; None before it, and for an archive alone."""
        run = run_of(self.archive)
        return read_report(run) if run else None

    @property
    def gap(self) -> HeldOutGap | None:
        """What held-out questions show of the choice of the search; None without them, or before the report."""
        return next(iter(self.report.gaps), None) if self.report else None

    @property
    def best(self) -> BestVersion | None:
        """The best version, by the rule of `agent.archive.best`."""
        return best_version(self.ranked, self.budgets, self.report, self.given_names, self.qualities)

    @cached_property
    def given_names(self) -> dict[str, str]:
        """The name of each controller that the archive's run was given, by id; empty for an archive alone."""
        run = run_of(self.archive)
        return run.given_names() if run else {}

    @cached_property
    def champion_names(self) -> dict[str, tuple[str, ...]]:
        """The names of each champion, by id."""
        prefix = PREFIX if is_shipped(self.archive.root) else ""
        found: dict[str, tuple[str, ...]] = {}
        for name, version in champions_of(self.archive).items():
            found[version] = (*found.get(version, ()), f"{prefix}{name}")
        return found


def _fresh(version: str, report: RunReport | None) -> FreshResults | None:
    if report is None or (version not in report.measured and version not in report.failed):
        return None
    return FreshResults(
        quality=report.measured.get(version),
        points=report.curves.get(version, ()),
        first_order=report.protocol.first_order,
        orders=report.protocol.orders,
        leads={lead.baseline: lead.quality for lead in report.leads if lead.version == version},
        failure=report.failed.get(version, ""),
        where=report.where,
    )
