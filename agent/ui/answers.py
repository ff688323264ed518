"""Response models that several pages share: problems and curves; and the reader of the archive."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict

from autotts.envs.errors import InputError
from autotts.envs.statistics import MEAN, Point

from ..archive.best import BestVersion
from ..archive.reader import ArchiveReader
from ..records.card import Card


class Answer(BaseModel):
    """Base class of all JSON responses. Numbers that are not finite become null."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="null")


class ProblemAnswer(Answer):
    """The error, as one sentence."""

    detail: str


class CurveAnswer(Answer):
    """The scaling curve of one version on one environment, or on the mean of several."""

    id: str
    name: str
    baseline: bool
    """Whether the version is a baseline."""
    points: tuple[Point, ...]


PROBLEMS: dict[int | str, dict[str, object]] = {
    400: {"model": ProblemAnswer, "description": "The body of the request cannot be read."},
    401: {"model": ProblemAnswer, "description": "The token is missing or wrong."},
    403: {"model": ProblemAnswer, "description": "The request comes from another site."},
    404: {"model": ProblemAnswer, "description": "It does not exist."},
    409: {"model": ProblemAnswer, "description": "It exists, but cannot be shown; the detail gives the reason."},
    422: {"model": ProblemAnswer, "description": "A parameter is invalid."},
}


def reader_of(request: Request) -> ArchiveReader:
    """Return the reader of the archive that the application shows."""
    reader: ArchiveReader = request.app.state.reader
    return reader


At = Annotated[ArchiveReader, Depends(reader_of)]


def best_of(reader: ArchiveReader) -> BestVersion | None:
    """Return the best version; by the search alone where the report of the run cannot be read."""
    try:
        return reader.best()
    except InputError:
        return reader.view().best()


def environments_of(card: Card) -> list[str]:
    """Return the environments of a card's curve, their mean first."""
    names = list(dict.fromkeys(point.environment for point in card.curve))
    return sorted(names, key=lambda name: name != MEAN)


def curve_of(card: Card, environment: str | None = None) -> CurveAnswer:
    """Return the curve of a card on ``environment``; None means the mean of its environments."""
    wanted = environment or next(iter(environments_of(card)), MEAN)
    points = tuple(point for point in card.curve if point.environment == wanted)
    return CurveAnswer(id=card.id, name=card.name, baseline=card.generation == 0, points=points)
