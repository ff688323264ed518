"""The measurements of a version: by the search, and by `autotts replay` afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from pydantic import BaseModel, ValidationError

from autotts.envs import catalogue
from autotts.envs.errors import DamagedFile
from autotts.envs.seals import read_sealed
from autotts.envs.statistics import Point

from ..records.card import Card, EvaluationProtocol
from .archive import REPLAYS
from .reader import ArchiveReader
from .run_directory import HELD_OUT
from .shipped import archive_name, derived_root
from .storage.stored_path import AnyPath

_LARGEST = 4 << 20
"""Largest file of a replay that is read, in bytes."""


@dataclass(frozen=True, slots=True)
class ProtocolMeasurement:
    """The figures of a version under one protocol."""

    key: str
    what: str
    """Branch orders and limits of the measurement, in words."""
    command: str
    """The command that reproduces the figures."""
    environments: tuple[str, ...]
    points: tuple[Point, ...]


class _ArchivedReplay(BaseModel):
    protocol: EvaluationProtocol
    curve: tuple[Point, ...]


def orders(p: EvaluationProtocol) -> str:
    """Return the branch orders and the limits of a protocol in words."""
    tokens = f" and {p.max_tokens:,} tokens" if p.max_tokens else ""
    last = p.first_order + p.orders - 1
    orders = f"branch order {last}" if p.orders == 1 else f"branch orders {p.first_order} to {last}"
    return f"{orders}, up to {p.max_branches} branches{tokens}"


def figures(reader: ArchiveReader, card: Card) -> Iterator[tuple[str, EvaluationProtocol, tuple[Point, ...]]]:
    """Yield each measurement of a version: its source in words, protocol and points; the search first, then replays."""
    if card.curve:
        yield "the search", card.protocol, card.curve
    seen: list[EvaluationProtocol] = []  # version 0.1 named files by another key: one protocol may have two files
    for replay in _replays(reader, card.id):
        if replay.protocol not in seen:
            seen.append(replay.protocol)
            yield "a replay", replay.protocol, replay.curve


def measures(reader: ArchiveReader, card: Card) -> list[ProtocolMeasurement]:
    """Return the measurements of a version, that of the search first."""
    return [measurement(reader, card.id, *found) for found in figures(reader, card)]


def measurement(
    reader: ArchiveReader, version: str, who: str, p: EvaluationProtocol, curve: tuple[Point, ...]
) -> ProtocolMeasurement:
    """Return a measurement of a version, with the command that repeats it.

    Args:
        reader: the archive of the version.
        version: id of the version.
        who: source of the measurement, in words.
        p: the protocol.
        curve: the points.
    """
    betas = " ".join(f"{beta:g}" for beta in p.betas)
    limits = f" --max-branches {p.max_branches}" + (f" --max-tokens {p.max_tokens}" if p.max_tokens else "")
    first = f" --first-order {p.first_order}" if p.first_order else ""
    where = reader.run.home if reader.run else archive_name(reader.root)
    root = _root(reader, p)
    data = "" if root == catalogue.data_root(None) else f" --data {quote(str(root))}"
    what = f"{quote(f'{where}:{version}')} --env {' '.join(p.environments)} --beta {betas} --orders {p.orders}"
    return ProtocolMeasurement(
        key=p.key(), what=f"{who}: {orders(p)}",
        command=f"autotts evaluate {what}{first}{limits}{data} --json figures.json",
        environments=tuple(dict.fromkeys(point.environment for point in curve)), points=curve,
    )  # fmt: skip


def _root(reader: ArchiveReader, p: EvaluationProtocol) -> Path:
    """Return the root of the environments of a protocol: a run that holds out questions has its own for each part."""
    config = reader.run.config if reader.run else None
    if reader.run is None or config is None or not config.held_out or not isinstance(reader.run.home, Path):
        return reader.data
    if p.environments == config.held_out:
        return reader.run.home / HELD_OUT
    searched = p.environments.items() <= config.protocol().environments.items()
    return reader.run.home / "environments" if searched else reader.data


def _replays(reader: ArchiveReader, version: str) -> Iterator[_ArchivedReplay]:
    home = derived_root(reader.root) / REPLAYS / reader.existing(version)
    found: list[AnyPath] = [*home.glob("*.json")] if home.is_dir() else []
    for path in sorted(found, key=str)[:50]:
        try:
            if path.stat().st_size <= _LARGEST:
                yield _ArchivedReplay.model_validate_json(read_sealed(path))
        except (OSError, ValidationError, DamagedFile):
            continue  # incomplete, or not a replay
