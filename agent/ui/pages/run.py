"""The page Run: progress, quality, cost, failures and the gain of each explorer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter

from autotts.envs.errors import InputError

from ... import population
from ...archive.measurements import orders
from ...archive.overview import ArchiveOverview
from ...archive.reader import ArchiveReader
from ...archive.run_directory import Run
from ...archive.run_report import RunReport, read_report
from ...archive.snapshot import ArchiveSnapshot
from ...records.card import Card
from ...records.events import (
    CandidateEvaluated,
    Event,
    GenerationArchived,
    GenerationStarted,
    RunFinished,
    RunStarted,
    RunStopped,
)  # fmt: skip
from ...records.index_row import IndexRow
from ..answers import PROBLEMS, Answer, At, CurveAnswer, best_of, curve_of
from ..event_log import EventLog, SpendingAnswer, event_log_of

router = APIRouter(prefix="/api", tags=["run"], responses=PROBLEMS)

_SHOWN_BASELINES = 12
_LATEST = 30


class GenerationAnswer(Answer):
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


class ExplorerAnswer(Answer):
    """The gain of one explorer."""

    explorer: str
    versions: int
    ok: int
    gain: float
    """Points of quality by which its versions have raised the front."""
    on_front: int
    dollars: float


class SpeedAnswer(Answer):
    """The evaluation speed of one candidate."""

    time: float
    """Seconds since 1970."""
    id: str
    seconds: float
    episodes: int


class ProgressAnswer(Answer):
    """The progress of a run; an archive alone has none."""

    state: str
    """"running", "stopped" or "finished"; a killed run reads as running until it is resumed."""
    why: str
    generation: int
    generations: int
    position: int
    of: int
    """Candidates evaluated so far in the present generation."""
    last_event: float | None
    hours: float
    explorer: str
    model: str
    money: SpendingAnswer
    limits: dict[str, Any]


class FinalAnswer(Answer):
    """Qualities in the final evaluation."""

    where: str
    """The questions of the final evaluation, in words."""
    orders: str
    """Branch orders and limits, as text."""
    best_searched: float | None
    """Quality of the best version as the search saw it."""
    baseline: str | None
    """Id of the best baseline there."""
    baseline_quality: float | None


class RunAnswer(Answer):
    """The data of the page."""

    title: str
    stamp: int
    versions: int
    run: ProgressAnswer | None
    environments: tuple[str, ...]
    orders: str
    """The protocol, as text."""
    best: str | None
    """Id of the best version (`agent.archive.best`)."""
    best_name: str
    best_quality: float | None
    best_rule: str
    """The rule that chose it, in words; empty without one."""
    ahead: str
    """A baseline that is ahead of it, in words; empty if none is."""
    remarks: tuple[str, ...]
    """Why it was chosen before versions with a higher quality, and what it does not clearly beat, in words."""
    best_baseline: str | None
    """Id of the best baseline in the search."""
    baseline_quality: float | None
    """Its quality in the search."""
    final: FinalAnswer | None
    """The final evaluation, if it chose the best version."""
    front: tuple[CurveAnswer, ...]
    """Curves of discovered versions on the front, always with the best version."""
    baselines: tuple[CurveAnswer, ...]
    generations: tuple[GenerationAnswer, ...]
    failures: dict[str, int]
    explorers: tuple[ExplorerAnswer, ...]
    speeds: tuple[SpeedAnswer, ...]
    events: tuple[str, ...]
    """The latest events, as text."""
    problems: dict[str, str]
    note: str
    report: str
    """Why the final evaluation cannot be read; empty if it can, and before there is one."""


@router.get("/run")
def run(reader: At) -> RunAnswer:
    """The progress and results of the run."""
    view = reader.view()
    log = event_log_of(reader.run)
    brief, known = view.overview, view.overview.by_id
    baselines = [row for row in brief.rows if row.generation == 0 and row.ok]
    best, first = best_of(reader), population.best_baseline(brief.rows, view.budgets)
    report, why = _read_report(reader.run)
    best_row = (known.get(best.id) or view.by_id.get(best.id)) if best else None
    shown = [row for row in [*view.front, *([best_row] if best_row else [])] if row.generation > 0]
    cards = _cards(reader, [row.id for row in [*shown, *baselines[:_SHOWN_BASELINES]]])
    some = next(iter(cards.values()), None)
    return RunAnswer(
        title=reader.title,
        stamp=view.stamp,
        versions=brief.versions,
        run=_now(reader.run, log, view) if reader.run else None,
        environments=tuple(
            some.protocol.environments if some else reader.run.config.environments if reader.run else ()
        ),
        orders=orders(some.protocol) if some else "",
        best=best.id if best else None,
        best_name=best_row.name if best_row else "",
        best_quality=best.quality if best else None,
        best_rule=best.rule if best else "",
        ahead=str(best.ahead) if best and best.ahead else "",
        remarks=tuple(remark for remark in best.remarks if remark != str(best.ahead)) if best else (),
        best_baseline=first.id if first else None,
        baseline_quality=brief.quality[first.id] if first else None,
        final=_final(report, baselines) if best and best.fresh and report else None,
        front=tuple(curve_of(cards[id]) for id in dict.fromkeys(row.id for row in shown) if id in cards),
        baselines=tuple(curve_of(cards[row.id]) for row in baselines if row.id in cards),
        generations=tuple(_generations(brief)),
        failures=_failures(brief),
        explorers=tuple(_explorers(view)),
        speeds=tuple(_speeds(log)),
        events=tuple(log.words(_LATEST)),
        problems=dict(view.problems),
        note=reader.index.note,
        report=why,
    )


def _cards(reader: ArchiveReader, ids: Sequence[str]) -> dict[str, Card]:
    cards = {}
    for version in dict.fromkeys(ids):
        try:
            cards[version] = reader.card(version)
        except InputError:
            continue  # damaged since the index was built: its own page says so
    return cards


def _now(run: Run, log: EventLog, view: ArchiveSnapshot) -> ProgressAnswer:
    last = log.last(CandidateEvaluated, GenerationStarted, GenerationArchived, RunFinished, RunStopped, RunStarted)
    started, evaluated, finished = (log.last(kind) for kind in (GenerationStarted, CandidateEvaluated, RunFinished))
    generation, candidate = started and started.event, evaluated and evaluated.event
    fresh = evaluated is not None and (started is None or evaluated.time >= started.time)
    return ProgressAnswer(
        state=_state(last.event if last else None),
        why=_why(finished.event if finished else None, last.event if last else None),
        generation=generation.generation if isinstance(generation, GenerationStarted) else view.overview.reached,
        generations=run.config.generations,
        position=candidate.position if fresh and isinstance(candidate, CandidateEvaluated) else 0,
        of=candidate.of if fresh and isinstance(candidate, CandidateEvaluated) else 0,
        last_event=last.time if last else None,
        hours=run.hours(),
        explorer=run.config.explorer,
        model=run.config.model or run.config.command,
        money=log.money(),
        limits=run.limits().model_dump(mode="json"),
    )


def _state(event: Event | None) -> str:
    match event:
        case RunFinished():
            return "finished"
        case RunStopped():
            return "stopped"
    return "running"


def _why(finished: Event | None, last: Event | None) -> str:
    """Return the reason why the run has ended early; empty if it has not."""
    if isinstance(finished, RunFinished) and finished.stopped:
        return finished.stopped
    return last.why if isinstance(last, RunStopped) else ""


def _generations(brief: ArchiveOverview) -> list[GenerationAnswer]:
    return [GenerationAnswer(**asdict(each)) for each in brief.generations]


def _failures(brief: ArchiveOverview) -> dict[str, int]:
    counts = {name: n for name, n in brief.verdicts.items() if name != "ok"}
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))


def _explorers(view: ArchiveSnapshot) -> list[ExplorerAnswer]:
    ran = view.overview.ran
    on_front = [row.explorer for row in view.front if row.generation > 0]
    return [
        ExplorerAnswer(
            explorer=name, versions=credit.proposals, ok=ran[name], gain=credit.gain, on_front=on_front.count(name),
            dollars=credit.dollars,
        )
        for name, credit in sorted(view.credits.items())
    ]  # fmt: skip


def _speeds(log: EventLog) -> list[SpeedAnswer]:
    return [
        SpeedAnswer(time=at, id=event.id, seconds=event.seconds, episodes=event.episodes)
        for at, event in log.of(CandidateEvaluated)
        if event.episodes and event.seconds
    ][-500:]


def _read_report(run: Run | None) -> tuple[RunReport | None, str]:
    """Return the report of a finished run, and why it cannot be read."""
    try:
        return (read_report(run) if run else None), ""
    except InputError as error:
        return None, str(error)


def _final(report: RunReport, baselines: Sequence[IndexRow]) -> FinalAnswer:
    first = report.best_of(row.id for row in baselines)
    return FinalAnswer(
        where=report.where, orders=orders(report.protocol),
        best_searched=report.searched.get(report.best), baseline=first,
        baseline_quality=report.measured[first] if first else None,
    )  # fmt: skip
