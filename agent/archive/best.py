"""The best version: the one rule by which every command, page, report and the library names it.

The best version is the discovered version with the highest shrunk quality; a simpler version precedes a lead that may
be noise (`population.by_merit`). If that version is behind the best baseline and others whose shrunk quality is not
lower are not, the first of those is the best instead. The final evaluation decides as soon as the run has one, and the
search set until then. A baseline never is the best version while a discovered one has figures. Baselines and discovered
versions with a higher quality are named beside it.

The final evaluation is made on held-out questions if the run has some, which no candidate and no explorer has met, and
else on fresh branch orders of the same questions, which show luck with orders and nothing of memorised questions. Where
few questions are held out, shrinkage leaves little of a lead there, and the simpler version is chosen; versions that
are clearly behind a baseline in the search do not take part (`agent.loop.final_evaluation`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from autotts.envs.statistics import Floats, Interval

from .. import population
from ..population.pareto import Scored
from ..records.migration import BASELINE
from .report_record import RunReport

S = TypeVar("S", bound=Scored)

ON_SEARCH_SET = "shrunk quality on the search set"
ON_FRESH_ORDERS = "shrunk quality on fresh branch orders of the same questions (the final evaluation)"
ON_HELD_OUT = "shrunk quality on held-out questions (the final evaluation)"
_MOST_NAMED = 3
"""Number of versions with a higher quality that are named."""


@dataclass(frozen=True, slots=True)
class BaselineAhead:
    """A baseline with a higher quality than the best version."""

    id: str
    quality: float
    hand_written: bool
    """False for a controller that the run was given with ``--from``."""
    name: str = ""
    """The name by which the run was given it; empty for a hand-written baseline."""

    def __str__(self) -> str:
        kind = "hand-written baseline" if self.hand_written else "given controller"
        return f"the {kind} {label(self.id, self.name)} is ahead of it with {self.quality:.2f}"


@dataclass(frozen=True, slots=True)
class HigherVersion:
    """A discovered version with a higher quality than the best version, which was chosen before it."""

    id: str
    quality: float
    simpler: bool
    """Whether the best version is simpler than this one. If not, the lead of this one is lost in shrinkage."""

    def __str__(self) -> str:
        return f"{self.id} ({self.quality:.2f})"


@dataclass(frozen=True, slots=True)
class UnclearLead:
    """A version of generation 0 over which the lead of the best version may be noise: the interval is not above 0."""

    id: str
    name: str
    """The name by which the run was given it; empty for a hand-written baseline."""
    lead: float
    """Quality of the best version less that of this one in the final evaluation, paired, in points."""
    interval: Interval
    """The 95% interval of the lead."""

    def __str__(self) -> str:
        found = "nothing better" if self.lead <= 0 else "nothing clearly better"
        whose = f"your {label(self.id, self.name)}" if self.name else f"the baseline {self.id}"
        low, high = self.interval
        return f"the search found {found} than {whose}: a lead of {self.lead:+.2f} [{low:+.2f}, {high:+.2f}] points"


@dataclass(frozen=True, slots=True)
class BestVersion:
    """The best version of an archive, and the rule that chose it."""

    id: str
    quality: float
    """Mean accuracy over token budgets, in per cent, measured where the rule says."""
    rule: str
    """`ON_SEARCH_SET`, `ON_HELD_OUT` or `ON_FRESH_ORDERS`."""
    discovered: bool
    """False for a baseline, which is the best only while no discovered version has figures."""
    ahead: BaselineAhead | None
    """The best baseline, if its quality is higher."""
    higher: tuple[HigherVersion, ...] = ()
    """Discovered versions with a higher quality, the highest first; at most three."""
    unclear: UnclearLead | None = None
    """A given controller, else a baseline, that the final evaluation does not show to be worse; None if all are."""

    @property
    def fresh(self) -> bool:
        """Whether the final evaluation decided."""
        return self.rule in (ON_FRESH_ORDERS, ON_HELD_OUT)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know beside the figure: who is ahead of it, and why it was chosen all the same."""
        leads = "that lead" if len(self.higher) == 1 else "those leads"
        why = "simpler, and " if all(each.simpler for each in self.higher) else ""
        higher = f"chosen before {' and '.join(map(str, self.higher))}: {why}{leads} may be noise"
        texts = (self.ahead, higher if self.higher else None, self.unclear)
        return tuple(str(text) for text in texts if text is not None)

    def __str__(self) -> str:
        text = "; ".join([f"{self.id}, quality {self.quality:.2f}, by {self.rule}", *self.remarks])
        return text if self.discovered else f"no discovered version has figures; the best baseline is {text}"


def label(version: str, name: str) -> str:
    """Return how a version is shown: with the name by which the run was given it, if there is one."""
    return f"{name} ({version})" if name and name != version else version


def choose(ranked: Sequence[S], at: Floats, qualities: Mapping[str, float] | None = None) -> S | None:
    """Return the best of ``ranked`` by the rule of this module; None if there are no versions.

    Args:
        ranked: the versions that ran, best first (`population.ranked`).
        at: the token budgets of quality.
        qualities: the quality of each of them, if it is known already.
    """
    discovered = [card for card in ranked if card.generation > 0]
    if not discovered:
        return next(iter(ranked), None)
    quality = _qualities(ranked, at) if qualities is None else qualities
    first = discovered[0]
    bar = max((quality[card.id] for card in ranked if card.generation == 0), default=0.0)
    if quality[first.id] >= bar:
        return first
    least = population.merit(first, at)
    level = (card for card in discovered if quality[card.id] >= bar and population.merit(card, at) >= least)
    return next(level, first)


def best_version(
    ranked: Sequence[Scored], at: Floats, report: RunReport | None = None, given: Mapping[str, str] | None = None,
    qualities: Mapping[str, float] | None = None,
) -> BestVersion | None:  # fmt: skip
    """Return the best version; None if no version has figures.

    Args:
        ranked: the versions that ran, best first (`population.ranked`).
        at: the token budgets of quality.
        report: the final evaluation of the run; None before it, and for an archive without a run.
        given: names of the controllers that the run was given, by id (`Run.given_names`).
        qualities: the quality of each of ``ranked`` in the search, if it is known already.
    """
    names, by_id = given or {}, {card.id: card for card in ranked}
    if report is not None and report.best in report.measured:
        quality: Mapping[str, float] = report.measured
        chosen, rule = report.best, ON_HELD_OUT if report.held_out else ON_FRESH_ORDERS
    else:
        quality = _qualities(ranked, at) if qualities is None else qualities
        first = choose(ranked, at, quality)
        if first is None:
            return None
        chosen, rule, report = first.id, ON_SEARCH_SET, None
    if chosen in by_id and by_id[chosen].generation == 0:
        return BestVersion(chosen, quality[chosen], rule, False, None)
    others = sorted((card for card in ranked if quality.get(card.id, 0.0) > quality[chosen]), key=lambda c: c.id)
    others.sort(key=lambda card: quality[card.id], reverse=True)
    size = by_id[chosen].size if chosen in by_id else 0
    higher = [HigherVersion(c.id, quality[c.id], size < c.size) for c in others if c.generation > 0]
    top = next((card for card in others if card.generation == 0), None)
    ahead = BaselineAhead(top.id, quality[top.id], top.explorer == BASELINE, names.get(top.id, "")) if top else None
    unclear = _unclear(report, names) if report else None
    return BestVersion(chosen, quality[chosen], rule, True, ahead, tuple(higher[:_MOST_NAMED]), unclear)


def _qualities(ranked: Sequence[Scored], at: Floats) -> dict[str, float]:
    return dict(zip((card.id for card in ranked), population.qualities(ranked, at).tolist(), strict=True))


def _unclear(report: RunReport, names: Mapping[str, str]) -> UnclearLead | None:
    """Return the given controller, else the baseline, over which the best version has the least clear lead."""
    leads = [lead for lead in report.leads if lead.version == report.best and lead.quality.interval[0] <= 0]
    found = min(leads, key=lambda lead: (lead.baseline not in names, lead.quality.value), default=None)
    if found is None:
        return None
    return UnclearLead(found.baseline, names.get(found.baseline, ""), found.quality.value, found.quality.interval)
