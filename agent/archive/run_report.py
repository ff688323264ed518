"""``report.json``: the figures of a finished run, read and told in sentences."""

from __future__ import annotations

from pydantic import ValidationError

from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed

from ..population.overfitting.crossvalidation import CrossValidated
from ..records.card import Card
from .report_record import (
    ON_FRESH_ORDERS,
    ON_HELD_OUT,
    BudgetComparison,
    HeldOutGap,
    Optimism,
    QualityLead,
    RunReport,
)
from .run_directory import Run
from .storage.paths import rename

__all__ = [
    "JSON", "ON_FRESH_ORDERS", "ON_HELD_OUT", "TEXT", "BudgetComparison", "HeldOutGap", "Optimism", "QualityLead",
    "RunReport", "describe_gap", "describe_optimism", "read_report", "set_report_aside",
]  # fmt: skip

JSON, TEXT = "report.json", "report.md"


def describe_optimism(estimate: tuple[Card, CrossValidated] | Optimism | None) -> list[str]:
    """Return the optimism of a search in sentences; an empty list if there is no estimate."""
    if isinstance(estimate, tuple):
        estimate = Optimism.of(estimate[0].id, estimate[1])
    if estimate is None:
        return []
    e = estimate
    strictest, left_out = (e.both, "questions and the model") if e.both else (e.questions, "questions")
    low, high = e.optimism.interval
    lines = [
        f"optimism {e.optimism.value:.2f} [{low:.2f}, {high:.2f}] points: {e.version} shows a quality of "
        f"{e.searched.value:.2f}; a version that is chosen by the same rule, but without the {left_out} on which it is "
        f"then measured, has {strictest.value:.2f} on average (the choice is made without them; the versions were "
        "written with all of them)"
    ]
    if e.models is not None:
        lines.append(
            f"(without the questions alone {e.questions.value:.2f}, without the model alone {e.models.value:.2f})"
        )
    return lines


def describe_gap(report: RunReport) -> list[str]:
    """Return the optimism of a search on its held-out questions in sentences; an empty list if it held none out."""
    if not report.gaps:
        return []
    first = report.gaps[0]
    low, high = first.gap.interval
    lines = [
        f"held-out questions: {first.version}, the choice of the search, has {first.searched:.2f} on the questions of "
        f"the search and {first.measured:.2f} on {sum(report.held_out.values())} held-out ones: {first.gap.value:+.2f} "
        f"[{low:+.2f}, {high:+.2f}] points of difference"
    ]
    if first.optimism is not None:
        low, high = first.optimism.interval
        lines.append(
            f"optimism on held-out questions {first.optimism.value:.2f} [{low:.2f}, {high:.2f}] points: that "
            "difference less what the baselines lose there too"
        )
    return lines


def set_report_aside(run: Run) -> None:
    """Rename the report of a run that goes on, so that it is not taken for that of the new versions."""
    if not (run.home / JSON).exists():
        return
    reached = max((card.generation for card in run.archive.cards()), default=0)
    for name in (TEXT, JSON):  # JSON last: after a crash between the two, this is done again
        path = run.home / name
        if path.exists():
            rename(path, f"{path.stem}-g{reached:03d}")


def read_report(run: Run) -> RunReport | None:
    """Return the report of a run, or None if it has not finished."""
    path = run.home / JSON
    try:
        return RunReport.model_validate_json(read_sealed(path)) if path.exists() else None
    except (ValidationError, DamagedFile) as error:
        what = error.errors()[0]["msg"] if isinstance(error, ValidationError) else "it does not match its checksum"
        raise DamagedFile(f"{path}: damaged ({what}); remove it and {run.checkpoint}, and resume") from None
