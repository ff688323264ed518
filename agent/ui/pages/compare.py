"""The page Compare: curves side by side, differences by question, and a table for papers."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import PlainTextResponse

from autotts.envs import statistics
from autotts.envs.errors import InputError
from autotts.envs.statistics import MEAN, Point

from ...archive.measurements import orders
from ...archive.reader import ArchiveReader
from ...records.card import Card
from ..answers import PROBLEMS, Answer, At, CurveAnswer
from ..latex import latex

router = APIRouter(prefix="/api", tags=["compare"], responses=PROBLEMS)

MOST = 12
"""Largest number of versions in one comparison."""

_COLUMNS = (
    "controller environment beta accuracy_pct accuracy_low accuracy_high mean_tokens tokens_low tokens_high "
    "mean_latency episodes"
)

Ids = Annotated[list[Annotated[str, Query(max_length=200)]], Query(min_length=1, max_length=MOST)]
Beta = Annotated[float, Query(ge=0, le=1, allow_inf_nan=False)]
Name = Annotated[str, Query(max_length=200)]


class ComparisonAnswer(Answer):
    """The curves of several versions, from their cards."""

    environments: tuple[str, ...]
    """Environments of any version, the mean first."""
    betas: tuple[float, ...]
    curves: tuple[CurveAnswer, ...]
    """Curves with the points of every environment."""
    orders: tuple[str, ...]
    """The branch orders of each protocol, as text; one entry if all versions share a protocol."""


class QuestionDifferenceAnswer(Answer):
    """The means over the branch orders of one question."""

    question: int
    first_accuracy: float
    second_accuracy: float
    first_tokens: float
    second_tokens: float


class DifferencesAnswer(Answer):
    """The second version minus the first at one beta on one environment, paired by question and branch order."""

    first: str
    second: str
    environment: str
    beta: float
    accuracy: float
    accuracy_ci: tuple[float, float]
    tokens: float
    tokens_ci: tuple[float, float]
    wins: int
    losses: int
    ties: int
    questions: tuple[QuestionDifferenceAnswer, ...]


@router.get("/compare")
def compare(reader: At, id: Ids) -> ComparisonAnswer:
    """The curves of several versions."""
    cards = _cards(reader, id)
    return ComparisonAnswer(
        environments=tuple(environments(cards)),
        betas=tuple(sorted({point.beta for card in cards for point in card.curve})),
        curves=tuple(
            CurveAnswer(id=card.id, name=card.name, baseline=card.generation == 0, points=card.curve) for card in cards
        ),
        orders=tuple({card.protocol.key(): orders(card.protocol) for card in cards}.values()),
    )  # fmt: skip


def _cards(reader: ArchiveReader, ids: Sequence[str]) -> list[Card]:
    return [reader.card(version) for version in dict.fromkeys(ids)]


def environments(cards: Sequence[Card]) -> list[str]:
    """Return the environments of all curves, the mean first."""
    names = dict.fromkeys(point.environment for card in cards for point in card.curve)
    return sorted(names, key=lambda name: name != MEAN)


@router.get("/questions")
def questions(reader: At, first: Name, second: Name, environment: Name, beta: Beta) -> DifferencesAnswer:
    """The differences between two versions, question by question."""
    a, b = reader.measured(first).scores, reader.measured(second).scores
    rows = [row for row in statistics.compare(b, a) if row.environment == environment and np.isclose(row.beta, beta)]
    if not rows:
        raise InputError(f"{first} and {second} have no episodes on {environment[:80]!r} at beta {beta:g}")
    (row,) = rows
    tables = [
        next(s.tables[0] for s in statistics.samples(scores) if s.environment == environment and s.beta == row.beta)
        for scores in (a, b)
    ]
    return DifferencesAnswer(
        first=first, second=second, environment=environment, beta=row.beta,
        accuracy=row.accuracy_pct, accuracy_ci=row.accuracy_ci, tokens=row.mean_tokens, tokens_ci=row.mean_tokens_ci,
        wins=row.wins, losses=row.losses, ties=row.ties,
        questions=tuple(
            QuestionDifferenceAnswer(
                question=q, first_accuracy=ours[0], first_tokens=ours[1], second_accuracy=theirs[0],
                second_tokens=theirs[1],
            )
            for q, (ours, theirs) in enumerate(zip(*(table.tolist() for table in tables), strict=True))
        ),
    )  # fmt: skip


@router.get("/compare.csv", response_class=PlainTextResponse)
def as_csv(reader: At, id: Ids) -> PlainTextResponse:
    """Every point of several versions, with the columns of `autotts evaluate --json`."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_COLUMNS.split())
    for card in _cards(reader, id):
        for p in card.curve:
            writer.writerow([_cell(card.id), _cell(p.environment), *_numbers(p)])
    return PlainTextResponse(text.getvalue(), media_type="text/csv")


def _numbers(p: Point) -> list[float]:
    ci = (*p.accuracy_ci, *p.mean_tokens_ci)
    return [p.beta, p.accuracy_pct, *ci[:2], p.mean_tokens, *ci[2:], p.mean_latency, p.episodes]


def _cell(text: str) -> str:
    """Return a text that a spreadsheet does not read as a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


@router.get("/compare.tex", response_class=PlainTextResponse)
def as_latex(reader: At, id: Ids, beta: Beta) -> PlainTextResponse:
    """A LaTeX table for papers at one beta: accuracy and tokens on every environment."""
    cards = _cards(reader, id)
    return PlainTextResponse(latex(cards, environments(cards), beta), media_type="application/x-tex")
