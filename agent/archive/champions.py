"""The champions: the best discovered versions, which ship with the program and have names.

A champion has two sources. Its archive holds the one that discovery found, under its hash. The one that commands run is
what `evolve` writes of the same genome today: the same actions in less time, in ``controllers_archive/champions``.
"""

from __future__ import annotations

import json
from functools import cache

from autotts.envs.errors import InputError

from ..records.card import Card
from .archive import Archive, sha256
from .baselines import baseline_source, every_baseline
from .shipped import DISCOVERED as HOME
from .shipped import FAST

CHAMPIONS = "champions.json"
"""Lineage and version of each champion, by name; beside the shipped lineages."""


def champion_names() -> list[str]:
    """Return the names of all champions: from frugal to accurate, then the one with the lowest latency."""
    return list(named_champions())


def champion(name: str) -> tuple[Archive, str]:
    """Return the archive that holds the champion ``name``, and the id of the champion in it.

    Raises:
        InputError: there is no such champion.
    """
    named = named_champions()
    if name not in named:
        raise InputError(f"no champion {name!r}: there are {', '.join(named) or 'none'}")
    lineage, version = named[name]
    return Archive(HOME / lineage), version


def champion_source(name: str) -> str:
    """Return the source that runs for the champion ``name``: the actions of its version, in less time.

    Raises:
        InputError: there is no such champion.
    """
    champion(name)
    return (FAST / f"{name}.py").read_text(encoding="utf-8")


def found_source(name: str) -> str:
    """Return the source of the champion ``name`` as discovery found it.

    Raises:
        InputError: there is no such champion.
    """
    archive, version = champion(name)
    return archive.source(version)


@cache
def shipped_sources() -> frozenset[str]:
    """Return the sources of all baselines and champions: of champions as they run, and as they were found."""
    names = champion_names()
    return frozenset((*map(baseline_source, every_baseline()), *map(champion_source, names), *map(found_source, names)))


def ships(card: Card) -> bool:
    """Return whether a version is one of the baselines or champions that ship with the program, by its source."""
    return is_shipped_source(card.source_sha256)


@cache
def _shipped_sources() -> frozenset[str]:
    return frozenset(sha256(source.encode()) for source in shipped_sources())


def is_shipped_source(source_sha256: str) -> bool:
    """Return whether the SHA-256 hash of a source is that of a baseline or champion that ships with the program."""
    return source_sha256 in _shipped_sources()


def named_champions() -> dict[str, tuple[str, str]]:
    """Return the lineage and the id of each champion, by name."""
    path = HOME / CHAMPIONS
    document = json.loads(path.read_bytes()) if path.exists() else {}
    return {name: (entry["lineage"], entry["version"]) for name, entry in document.items()}
