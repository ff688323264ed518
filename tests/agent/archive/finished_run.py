"""A run directory with a final evaluation, made by hand, so that no search runs in a test of names."""

from __future__ import annotations

from pathlib import Path

from autotts.agent.archive.run_directory import FIRST_FRESH_ORDER, Run, RunConfig
from autotts.agent.archive.run_report import JSON, RunReport
from autotts.agent.records.card import Card

from ..ui.archives import small_archive, tiny

CHILD, GRANDCHILD = "g001-child", "g002-grandchild"


def finished_run(home: Path, measured: dict[str, float] | None = None, best: str = CHILD) -> Run:
    """Make a run with the versions of `small_archive`; with ``measured``, also with a final evaluation.

    Args:
        home: the run directory.
        measured: quality on fresh branch orders, by version; None for a run that has not finished.
        best: the best version of the final evaluation.
    """
    world = tiny()
    run = Run.create(home, RunConfig(generations=2, environments={world.name: world.hash}), [world])
    small_archive(run.archive.root)
    if measured is not None:
        cards = {card.id: run.archive.card(card.id) for card in run.archive.cards()}
        report = RunReport(
            best=best, protocol=_fresh(cards[CHILD]), searched=dict.fromkeys(measured, 50.0), measured=measured,
            curves={name: cards[name].curve for name in measured}, front=(GRANDCHILD, CHILD),
            champions={"balanced": best, "frugal": GRANDCHILD},
            failed={"g002-failed": "exit: it ended its process"},
        )  # fmt: skip
        (home / JSON).write_text(report.model_dump_json())
    return run


def _fresh(card: Card):  # type: ignore[no-untyped-def]
    return card.protocol.model_copy(update={"first_order": FIRST_FRESH_ORDER})
