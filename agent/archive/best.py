"""The best version: the one rule by which every command, page, report and the library names it.

The best version is the discovered version with the highest shrunk quality; a simpler version precedes a lead that may
be noise (`population.by_merit`). The final evaluation on fresh branch orders decides as soon as the run has one, and
the search set until then. A baseline never is the best version while a discovered one has figures; a baseline with a
higher quality is named beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from autotts.envs.statistics import Floats

from .. import population
from ..population.pareto import Scored
from ..records.migration import BASELINE
from .run_report import RunReport

S = TypeVar("S", bound=Scored)

ON_SEARCH_SET = "shrunk quality on the search set"
ON_FRESH_ORDERS = "shrunk quality on fresh branch orders (the final evaluation)"


@dataclass(frozen=True, slots=True)
class BaselineAhead:
    """A baseline with a higher quality than the best version."""

    id: str
    quality: float
    hand_written: bool
    """False for a controller that the run was given with ``--from``."""

    def __str__(self) -> str:
        kind = "hand-written baseline" if self.hand_written else "given controller"
        return f"the {kind} {self.id} is ahead of it with {self.quality:.2f}"


@dataclass(frozen=True, slots=True)
class BestVersion:
    """The best version of an archive, and the rule that chose it."""

    id: str
    quality: float
    """Mean accuracy over token budgets, in per cent, measured where the rule says."""
    rule: str
    """`ON_SEARCH_SET` or `ON_FRESH_ORDERS`."""
    discovered: bool
    """False for a baseline, which is the best only while no discovered version has figures."""
    ahead: BaselineAhead | None
    """The best baseline, if its quality is higher."""

    @property
    def fresh(self) -> bool:
        """Whether the final evaluation decided."""
        return self.rule == ON_FRESH_ORDERS

    def __str__(self) -> str:
        what = "" if self.discovered else ", a baseline: no discovered version has figures"
        rest = f"; {self.ahead}" if self.ahead else ""
        return f"{self.id}{what}, quality {self.quality:.2f}, by {self.rule}{rest}"


def leader(ranked: Sequence[S]) -> S | None:
    """Return the first discovered version of ``ranked`` (best first); the first baseline if there is none."""
    return next((card for card in ranked if card.generation > 0), next(iter(ranked), None))


def best_version(ranked: Sequence[Scored], at: Floats, report: RunReport | None = None) -> BestVersion | None:
    """Return the best version; None if no version has figures.

    Args:
        ranked: the versions that ran, best first (`population.ranked`).
        at: the token budgets of quality.
        report: the final evaluation of the run; None before it, and for an archive without a run.
    """
    by_id = {card.id: card for card in ranked}
    if report is not None and report.best in report.measured:
        qualities = report.measured
        baselines = [card for card in ranked if card.generation == 0 and card.id in qualities]
        chosen, rule = report.best, ON_FRESH_ORDERS
    else:
        first = leader(ranked)
        if first is None:
            return None
        baselines = [card for card in ranked if card.generation == 0]
        shown = [first, *baselines]
        qualities = dict(zip((c.id for c in shown), population.qualities(shown, at).tolist(), strict=True))
        chosen, rule = first.id, ON_SEARCH_SET
    discovered = chosen not in by_id or by_id[chosen].generation > 0
    top = max(baselines, key=lambda card: qualities[card.id], default=None)
    ahead = None
    if discovered and top is not None and qualities[top.id] > qualities[chosen]:
        ahead = BaselineAhead(top.id, qualities[top.id], top.explorer == BASELINE)
    return BestVersion(chosen, qualities[chosen], rule, discovered, ahead)
