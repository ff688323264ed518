"""The end of a run: the best versions and the seeds on branch orders that the search has never seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import ValidationError

from envs.errors import Damaged, InputError
from envs.evaluate import Point
from envs.store import Environment, write_whole
from sandbox.base import Candidate, Sandbox
from sandbox.evaluation import evaluate

from . import population
from .cards import Card, Frozen, Protocol
from .run import FRESH_SEED, Run

FINALISTS = 4
"""Versions, the best by the search's figures, among which fresh branch orders choose."""


class Report(Frozen):
    """What a run found, on fresh branch orders."""

    best: str
    protocol: Protocol
    searched: dict[str, float]
    """`population.quality` of each version below as the search saw it."""
    measured: dict[str, float]
    """The same on fresh orders: the difference is the search's optimism."""
    curves: dict[str, tuple[Point, ...]]


def write_report(
    run: Run, environments: Sequence[Environment], sandbox: Sandbox, progress: Callable[[int], None] | None = None
) -> str:
    """Measure the finalists and the seeds anew, write ``report.json``, and return the id of the best."""
    cards = run.archive.cards()
    at = population.budgets(cards)
    good = population.ranked(cards)
    finalists = [card for card in good if card.generation > 0][:FINALISTS] + [c for c in good if c.generation == 0]
    episodes = run.episodes(environments, FRESH_SEED)
    protocol = run.config.protocol().model_copy(update={"first_seed": FRESH_SEED})
    fresh: list[Card] = []
    for card in finalists:
        result = evaluate(Candidate(card.id, run.archive.source(card.id)), episodes, sandbox, progress)
        if result.verdict.ok:
            fresh.append(card.model_copy(update={"curve": tuple(result.curve), "protocol": protocol}))
    if not fresh:
        raise InputError(f"{run.home}: no version ran to its end; see `autotts lineage`")
    found = [card for card in fresh if card.generation > 0] or fresh
    best = max(found, key=lambda card: population.quality(card, at))
    report = Report(
        best=best.id,
        protocol=protocol,
        searched={card.id: population.quality(card, at) for card in finalists},
        measured={card.id: population.quality(card, at) for card in fresh},
        curves={card.id: card.curve for card in fresh},
    )
    write_whole(run.home / "report.json", report.model_dump_json(indent=1).encode())
    return best.id


def read_report(run: Run) -> Report | None:
    """Return the report of a run, or None if it has not finished."""
    path = run.home / "report.json"
    try:
        return Report.model_validate_json(path.read_bytes()) if path.exists() else None
    except ValidationError as error:
        what = error.errors()[0]["msg"]
        raise Damaged(f"{path}: damaged ({what}); remove it and {run.checkpoint}, and resume") from None
