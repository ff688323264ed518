"""The page Version: source, diff, rationale, prediction and outcome, figures, findings, cost, transcript, verdict."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from autotts.envs.errors import InputError
from autotts.sandbox.choice import INTERPRETERS
from autotts.sandbox.sealed_extras import declared_by

from ...archive.measurements import ProtocolMeasurement, measures
from ...archive.reader import ArchiveReader
from ...archive.snapshot import ArchiveSnapshot
from ...diagnosis.audit_extent import extent_of_version
from ...records.card import Card
from ...records.version import Cost, Expectation, Finding
from .. import code
from ..answers import PROBLEMS, Answer, At, best_of
from ..fresh_orders import FreshOrdersAnswer, fresh_measurement, fresh_orders

router = APIRouter(prefix="/api/version", tags=["version"], responses=PROBLEMS)

_SHOWN_TEXT = 2_000_000
"""Longest source or transcript that is sent, in characters."""
_MOST_CHILDREN = 100
"""Largest number of children that the page lists."""
_VERDICTS = {
    "ok": "It ran on every episode. In a discovery it has also passed the policy and the look-ahead audit.",
    "rejected: policy": "Its source holds what the policy refuses; it never ran.",
    "rejected: stores data": "Its source stores more data than a rule needs, so that it could know questions by heart; "
    "it never ran.",
    "rejected: needs": "It declares that it needs what an environment does not have; it never ran.",
    "rejected: looked ahead": "It acted on what it had not paid to see; its scores were thrown away.",
    "rejected: not reproducible": "It acted on chance, time, the names of answers or earlier episodes.",
    "rejected: not approved": "The user did not approve it, so it never ran.",
}


class RelativeAnswer(Answer):
    """A parent or a child."""

    id: str
    name: str
    quality: float | None
    there: bool
    """Whether the version is in the archive."""


class VersionAnswer(Answer):
    """The data of the page without long texts, which are fetched when they are opened."""

    id: str
    name: str
    generation: int
    explorer: str
    island: str
    verdict: str
    audit: str
    """The meaning of the verdict, and how far the version was audited."""
    message: str
    uses: str
    """What it declares that it uses beside answers, as a sentence; empty for answers alone."""
    sandbox: str
    quality: float | None
    rank: int | None
    """Rank by quality; 1 is the best."""
    ran: int
    """Number of versions with scores."""
    on_front: bool
    best_rule: str
    """The rule by which it is the best version; empty if it is not (`agent.archive.best`)."""
    parents: tuple[RelativeAnswer, ...]
    children: tuple[RelativeAnswer, ...]
    """Id of the best version."""
    children_count: int
    rationale: str
    expects: tuple[Expectation, ...]
    outcome: str
    findings: tuple[Finding, ...]
    cost: Cost
    prompts: str
    source_sha256: str
    environments: dict[str, str]
    final: FreshOrdersAnswer
    measures: tuple[ProtocolMeasurement, ...]
    """By the search, by the final evaluation, and by replays."""
    more: dict[str, str]
    """The card's other fields, as JSON."""
    has_logs: bool
    has_transcript: bool


class TextAnswer(Answer):
    """A text as pieces, each with its kind."""

    pieces: tuple[code.Piece, ...]
    characters: int
    """Characters of the whole text."""
    cut: bool
    """Whether the text is cut."""


class SourceDiffAnswer(Answer):
    """The difference between two versions' sources."""

    base: str
    lines: tuple[code.Piece, ...]


def _uses(reader: ArchiveReader, version: str) -> str:
    try:
        return declared_by(reader.source(version)).in_words()
    except (InputError, OSError):  # the page says so where it shows the source
        return ""


def _audit(card: Card) -> str:
    said = _VERDICTS.get(card.verdict, "It did not get through its episodes, and has no scores.")
    return f"{said} {extent_of_version(card)}" if card.ok else said


@router.get("/{version}")
def version(reader: At, version: str) -> VersionAnswer:
    """A version's card and lineage."""
    card, view, best = reader.card(version), reader.view(), best_of(reader)
    row, all_measures = view.by_id[version], measures(reader, card)
    searched, replays = (all_measures[:1], all_measures[1:]) if card.curve else ([], all_measures)
    children = sorted(view.children.get(version, ()), key=lambda id: -view.quality.get(id, -1.0))
    files = reader.root / version
    return VersionAnswer(
        id=card.id,
        name=card.name,
        generation=card.generation,
        explorer=card.explorer,
        island=row.island,
        verdict=card.verdict,
        audit=_audit(card),
        message=card.message,
        uses=_uses(reader, card.id),
        sandbox=f"{card.sandbox}, {INTERPRETERS.get(card.interpreter, card.interpreter)}",
        quality=view.quality.get(version),
        rank=view.rank.get(version),
        ran=len(view.ranked),
        on_front=any(other.id == version for other in view.front),
        best_rule=best.rule if best and best.id == version else "",
        parents=tuple(_relative(view, id) for id in card.parents),
        children=tuple(_relative(view, id) for id in children[:_MOST_CHILDREN]),
        children_count=len(children),
        rationale=card.rationale,
        expects=card.expects,
        outcome=card.outcome,
        findings=card.findings,
        cost=card.cost,
        prompts=card.prompts,
        source_sha256=card.source_sha256,
        environments=card.protocol.environments,
        final=fresh_orders(reader, card, view),
        measures=(*searched, *fresh_measurement(reader, card), *replays),
        more=_more(card),
        has_logs=(files / "logs.npz").is_file(),
        has_transcript=(files / "transcript.txt.gz").is_file(),
    )


def _relative(view: ArchiveSnapshot, version: str) -> RelativeAnswer:
    row = view.by_id.get(version)
    return RelativeAnswer(
        id=version, name=row.name if row else "", quality=view.quality.get(version), there=row is not None
    )  # fmt: skip


def _more(card: Card) -> dict[str, str]:
    """Return the card's fields that have no place of their own on this page."""
    own = {
        "schema_version", "id", "name", "generation", "explorer", "parents", "rationale", "source_sha256", "sandbox",
        "interpreter",
        "verdict", "message", "protocol", "curve", "findings", "expects", "outcome", "cost", "prompts", "island",
    }  # fmt: skip
    fields = card.model_dump(mode="json", exclude=own)
    return {name: json.dumps(value, indent=1)[:20_000] for name, value in fields.items() if value not in (None, {}, [])}


@router.get("/{version}/source")
def source(reader: At, version: str) -> TextAnswer:
    """A version's source, coloured."""
    text = reader.source(version)
    return TextAnswer(
        pieces=tuple(code.coloured(text[:_SHOWN_TEXT])), characters=len(text), cut=len(text) > _SHOWN_TEXT
    )  # fmt: skip


@router.get("/{version}/source.py", response_class=Response)
def source_file(reader: At, version: str) -> Response:
    """A version's source as a file, byte for byte."""
    text = reader.source_bytes(version)
    return Response(text, media_type="text/x-python", headers={"content-disposition": "attachment"})


@router.get("/{version}/diff")
def diff(reader: At, version: str, base: Annotated[str, Query(max_length=200)]) -> SourceDiffAnswer:
    """The source diff from ``base`` to a version."""
    lines = code.difference(reader.source(base), reader.source(version), base, version)
    return SourceDiffAnswer(base=base, lines=tuple(lines))


@router.get("/{version}/transcript")
def transcript(reader: At, version: str) -> TextAnswer:
    """The conversation that led to a version."""
    text = reader.transcript(version)
    return TextAnswer(pieces=(("", text[:_SHOWN_TEXT]),), characters=len(text), cut=len(text) > _SHOWN_TEXT)
