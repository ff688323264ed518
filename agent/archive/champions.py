"""The champions: the best discovered versions, which ship with the program and have names."""

from __future__ import annotations

import json

from autotts.envs.errors import InputError

from .archive import Archive
from .baselines import HOME as BASELINES

HOME = BASELINES.parent / "discovered"
"""The shipped lineages, one archive each, and `champions.json`: lineage and version of each champion, by name."""


def champion_names() -> list[str]:
    """Return the names of all champions: from frugal to accurate, then the one with the lowest latency."""
    return list(_named())


def champion(name: str) -> tuple[Archive, str]:
    """Return the archive that holds the champion ``name``, and the id of the champion in it.

    Raises:
        InputError: there is no such champion.
    """
    if name not in _named():
        raise InputError(f"no champion {name!r}: there are {', '.join(_named()) or 'none'}")
    lineage, version = _named()[name]
    return Archive(HOME / lineage), version


def champion_source(name: str) -> str:
    """Return the source of the champion ``name``.

    Raises:
        InputError: there is no such champion.
    """
    archive, version = champion(name)
    return archive.source(version)


def _named() -> dict[str, tuple[str, str]]:
    path = HOME / "champions.json"
    document = json.loads(path.read_bytes()) if path.exists() else {}
    return {name: (entry["lineage"], entry["version"]) for name, entry in document.items()}
