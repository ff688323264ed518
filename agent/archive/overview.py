"""The overview of an archive: what lists and first pages show of it, without a row for every version.

It follows from the rows alone. A large archive keeps it in a file (`overview_file`), so that no reader has to rank a
hundred thousand versions first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from autotts.envs.statistics import Floats

from .. import population
from ..records.card import SCREENED
from ..records.index_row import IndexRow
from ..records.version import Credit
from .best import BestVersion, best_version
from .report_record import RunReport

LEADING = 64
"""Best versions whose rows an overview holds."""
ANCESTORS = 6
"""Ancestors of a version on the front, by first parent, whose rows an overview holds."""
_NEAR_FRONT = 200
"""Best versions among which the front is looked for."""


@dataclass(frozen=True, slots=True)
class GenerationTotals:
    """One generation of the archive."""

    generation: int
    versions: int
    failed: int
    best: float | None
    """Quality of the generation's best version."""
    best_so_far: float | None
    """Best quality so far, without the baselines."""
    dollars: float
    tokens: int
    """Cost of the LLM calls behind the generation's versions."""


@dataclass(frozen=True, slots=True)
class BornOnIsland:
    """The versions of one island that ran."""

    versions: int
    best: str
    """Id of the best one."""
    rank: int
    """Its rank among all versions; 1 is the best."""


@dataclass(frozen=True, slots=True)
class ArchiveOverview:
    """An archive in brief."""

    versions: int
    generations: tuple[GenerationTotals, ...]
    verdicts: dict[str, int]
    """Versions by verdict."""
    ran: dict[str, int]
    """Versions that ran, by explorer."""
    hypervolume: tuple[float, float]
    """Without and with latency as an objective."""
    credits: dict[str, Credit]
    """Credit of each explorer, by name."""
    islands: dict[str, BornOnIsland]
    """By index of the island, as rows give it."""
    budgets: tuple[float, ...]
    """Token budgets over which quality is a mean."""
    rows: tuple[IndexRow, ...]
    """Of generation 0, the front, the leading versions, the best of each island, and the nearest ancestors of the
    front; by generation and id."""
    quality: dict[str, float]
    """Quality of each of ``rows`` that ran, in points."""
    leading: tuple[str, ...]
    """The best versions, best first."""
    front: tuple[str, ...]
    """Versions that are the best at some budget, from frugal to accurate."""
    best: BestVersion | None
    """The best version in the search; without the names of controllers that the run was given."""

    @classmethod
    def of(
        cls, rows: Sequence[IndexRow], ranked: Sequence[IndexRow], at: Floats, quality: Mapping[str, float]
    ) -> ArchiveOverview:
        """Return the overview of versions.

        Args:
            rows: of all versions, by generation and id.
            ranked: those that ran, best first.
            at: the token budgets of quality.
            quality: quality of each version that ran.
        """
        baselines = [row for row in rows if row.generation == 0]  # they set the budgets
        front = population.front(list({row.id: row for row in [*ranked[:_NEAR_FRONT], *baselines]}.values()))
        best = best_version(ranked, at, qualities=quality)
        by_id = {row.id: row for row in rows}
        islands = _islands(ranked)
        kept = {row.id for row in (*baselines, *front, *ranked[:LEADING])} | {each.best for each in islands.values()}
        for version in [*([best.id] if best else []), *(each.id for each in front)]:
            kept.update(row.id for row in ancestors(version, by_id))
        verdicts: dict[str, int] = {}
        ran: dict[str, int] = {}
        for row in rows:
            verdicts[row.verdict] = verdicts.get(row.verdict, 0) + 1
            ran[row.explorer] = ran.get(row.explorer, 0) + row.ok
        return cls(
            versions=len(rows), generations=_generations(rows, quality), verdicts=verdicts, ran=ran,
            hypervolume=(population.hypervolume(rows), population.hypervolume(rows, True)),
            credits=population.credits(rows), islands=islands, budgets=tuple(at.tolist()),
            rows=tuple(row for row in rows if row.id in kept),
            quality={id: quality[id] for id in sorted(kept) if id in quality},
            leading=tuple(row.id for row in ranked[:LEADING]), front=tuple(row.id for row in front), best=best,
        )  # fmt: skip

    @property
    def reached(self) -> int:
        """The last generation that is archived."""
        return self.generations[-1].generation if self.generations else 0

    @property
    def failures(self) -> dict[str, int]:
        """Versions that failed, by verdict; those that were given up early are none."""
        return {name: n for name, n in sorted(self.verdicts.items()) if name not in ("ok", SCREENED)}

    @property
    def by_id(self) -> dict[str, IndexRow]:
        """The rows that it holds, by id."""
        return {row.id: row for row in self.rows}

    def knows(self, report: RunReport | None) -> bool:
        """Return whether it can name the best version, given the final evaluation."""
        return report is None or report.best not in report.measured or report.measured.keys() <= self.by_id.keys()

    def best_by(self, at: Floats, report: RunReport | None, given: Mapping[str, str] | None) -> BestVersion | None:
        """Return the best version (`agent.archive.best`), if it `knows` enough; see `best_version`."""
        if report is not None and report.best in report.measured:
            return best_version([row for row in self.rows if row.ok], at, report, given, self.quality)
        found = self.best
        if found is None or found.ahead is None:
            return found
        return replace(found, ahead=replace(found.ahead, name=(given or {}).get(found.ahead.id, "")))

    def best_of_island(self, island: int, islands: int) -> tuple[int, str]:
        """Return the versions of an island that ran, and the id of the best one; empty if none ran.

        Args:
            island: from 0.
            islands: number of islands of the run.
        """
        born = [each for name, each in self.islands.items() if int(name) % islands == island]
        best = min(born, key=lambda each: each.rank, default=None)
        return sum(each.versions for each in born), best.best if best else ""


def overview_of(rows: Sequence[IndexRow]) -> ArchiveOverview:
    """Return the overview of versions, given their rows by generation and id."""
    at = population.budgets([row for row in rows if row.generation == 0])
    ran = [row for row in rows if row.ok]
    quality = dict(zip((row.id for row in ran), population.qualities(ran, at).tolist(), strict=True))
    return ArchiveOverview.of(rows, population.by_merit(ran, at), at, quality)


def ancestors(version: str, by_id: Mapping[str, IndexRow]) -> list[IndexRow]:
    """Return the row of a version and those of its nearest ancestors by first parent, as far as they are known."""
    found: list[IndexRow] = []
    while version in by_id and len(found) <= ANCESTORS:
        found.append(by_id[version])
        version = next(iter(by_id[version].parents), "")
    return found


def _generations(rows: Sequence[IndexRow], quality: Mapping[str, float]) -> tuple[GenerationTotals, ...]:
    found, best = list[GenerationTotals](), None
    for generation, group in groupby(rows, key=lambda row: row.generation):
        some = list(group)
        here = max((quality[row.id] for row in some if row.ok), default=None)
        if generation > 0 and here is not None:
            best = here if best is None else max(best, here)
        found.append(
            GenerationTotals(
                generation, len(some), sum(not row.ok for row in some), here, best,
                sum(row.cost.dollars for row in some),
                sum(row.cost.input_tokens + row.cost.output_tokens for row in some),
            )
        )  # fmt: skip
    return tuple(found)


def _islands(ranked: Sequence[IndexRow]) -> dict[str, BornOnIsland]:
    counts: dict[str, int] = {}
    first: dict[str, tuple[int, str]] = {}
    for rank, row in enumerate(ranked, 1):
        if row.island:
            counts[row.island] = counts.get(row.island, 0) + 1
            first.setdefault(row.island, (rank, row.id))
    return {name: BornOnIsland(counts[name], first[name][1], first[name][0]) for name in sorted(counts)}
