"""The final evaluation of one version: its results on held-out questions, or else on fresh branch orders."""

from __future__ import annotations

from autotts.envs.errors import InputError

from ..archive.measurements import ProtocolMeasurement, measurement, orders
from ..archive.reader import ArchiveReader
from ..archive.run_report import read_report
from ..archive.snapshot import ArchiveSnapshot
from ..population.overfitting.crossvalidation import IntervalEstimate
from ..records.card import Card
from .answers import Answer, CurveAnswer

_ALONE = (
    "An archive without its run has no final evaluation. The command autotts replay measures versions on data of your "
    "choice."
)
_RUNNING = "The run has not finished: its final evaluation comes at the end."
_LEFT_OUT = "The final evaluation has not measured it: it measures the best versions, the front and the baselines."


class FreshOrdersAnswer(Answer):
    """What the final evaluation says of a version. ``quality`` is None if it says nothing; ``why`` is the reason."""

    why: str
    key: str
    """Key of the measurement among those of the version; empty if there is none."""
    where: str
    """The questions of the measurement, in words; empty if there is none."""
    orders: str
    """The branch orders and limits, as text."""
    quality: float | None
    searched: float | None
    """Quality as the search saw it."""
    baseline: CurveAnswer | None
    """The curve of the best baseline on the same branch orders; None if none ran there."""
    baseline_quality: float | None
    lead: IntervalEstimate | None
    """Quality less that of this baseline, paired by question and branch order; None if it was not estimated."""


def fresh_orders(reader: ArchiveReader, card: Card, view: ArchiveSnapshot) -> FreshOrdersAnswer:
    """Return what the final evaluation of the reader's run says of a version."""
    try:
        report = read_report(reader.run) if reader.run else None
    except InputError as error:
        return _nothing(str(error))
    if report is None:
        return _nothing(_RUNNING if reader.run else _ALONE)
    if card.id in report.failed:
        return _nothing(f"It failed in the final evaluation: {report.failed[card.id]}")
    if card.id not in report.measured:
        return _nothing(_LEFT_OUT)
    baseline = report.best_of(row.id for row in view.rows if row.generation == 0)
    lead = next((each.quality for each in report.leads if (each.version, each.baseline) == (card.id, baseline)), None)
    return FreshOrdersAnswer(
        why="", key=report.protocol.key(), where=report.where, orders=orders(report.protocol),
        quality=report.measured[card.id], searched=report.searched.get(card.id), lead=lead,
        baseline=CurveAnswer(id=baseline, name=baseline, baseline=True, points=report.curves.get(baseline, ()))
        if baseline else None,
        baseline_quality=report.measured[baseline] if baseline else None,
    )  # fmt: skip


def fresh_measurement(reader: ArchiveReader, card: Card) -> list[ProtocolMeasurement]:
    """Return the curve of the final evaluation of a version; an empty list if it has none."""
    try:
        report = read_report(reader.run) if reader.run else None
    except InputError:
        return []
    if report is None or not report.curves.get(card.id):
        return []
    return [measurement(reader, card.id, "the final evaluation", report.protocol, report.curves[card.id])]


def _nothing(why: str) -> FreshOrdersAnswer:
    return FreshOrdersAnswer(
        why=why, key="", where="", orders="", quality=None, searched=None, baseline=None, baseline_quality=None,
        lead=None,
    )  # fmt: skip
