"""On what a version was measured: by the search, and by `autotts replay` afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError

from envs.statistics import Point

from ..records.card import Card, EvaluationProtocol
from .archive import REPLAYS
from .reader import ArchiveReader

_LARGEST = 4 << 20
"""Bytes of a replay's file that is read."""


@dataclass(frozen=True, slots=True)
class ProtocolMeasurement:
    """The figures of a version under one protocol."""

    key: str
    what: str
    """On what, in words."""
    command: str
    """What gives the same figures once more."""
    environments: tuple[str, ...]
    points: tuple[Point, ...]


class _ArchivedReplay(BaseModel):
    protocol: EvaluationProtocol
    curve: tuple[Point, ...]


def orders(p: EvaluationProtocol) -> str:
    """Return in words on what figures were measured."""
    tokens = f" and {p.max_tokens:,} tokens" if p.max_tokens else ""
    last = p.first_order + p.orders - 1
    orders = f"branch order {last}" if p.orders == 1 else f"branch orders {p.first_order} to {last}"
    return f"{orders}, up to {p.max_branches} branches{tokens}"


def figures(reader: ArchiveReader, card: Card) -> Iterator[tuple[str, EvaluationProtocol, tuple[Point, ...]]]:
    """Yield who has measured a version, on what, and its points there: the search first, then replays."""
    if card.curve:
        yield "the search", card.protocol, card.curve
    seen: list[EvaluationProtocol] = []  # version 0.1 named files by another key: one protocol may have two files
    for replay in _replays(reader, card.id):
        if replay.protocol not in seen:
            seen.append(replay.protocol)
            yield "a replay", replay.protocol, replay.curve


def measures(reader: ArchiveReader, card: Card) -> list[ProtocolMeasurement]:
    """Return what is known of a version: the search's figures first."""
    return [_measure(card.id, *found) for found in figures(reader, card)]


def _measure(version: str, who: str, p: EvaluationProtocol, curve: tuple[Point, ...]) -> ProtocolMeasurement:
    betas = " ".join(f"{beta:g}" for beta in p.betas)
    limits = f" --max-branches {p.max_branches}" + (f" --max-tokens {p.max_tokens}" if p.max_tokens else "")
    first = f" --first-order {p.first_order}" if p.first_order else ""
    command = f"autotts evaluate {version} --env {' '.join(p.environments)} --beta {betas} --orders {p.orders}"
    return ProtocolMeasurement(
        key=p.key(), what=f"{who}: {orders(p)}", command=f"{command}{first}{limits} --json figures.json",
        environments=tuple(dict.fromkeys(point.environment for point in curve)), points=curve,
    )  # fmt: skip


def _replays(reader: ArchiveReader, version: str) -> Iterator[_ArchivedReplay]:
    home = reader.root / REPLAYS / reader.existing(version)
    for path in sorted(home.glob("*.json"))[:50] if home.is_dir() else []:
        try:
            if path.stat().st_size <= _LARGEST:
                yield _ArchivedReplay.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # being written, or of another kind
