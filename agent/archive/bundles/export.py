"""Exports versions to a bundle; the same versions give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from autotts.envs.errors import DamagedFile, InputError
from autotts.envs.store import write_atomically

from ..archive import Archive, sha256
from ..verify import check_folder
from .bundle import FOLDERS, FORMAT, ID, LIST, MOST_BYTES, BundleEntry, BundleListing


def export(
    archive: Archive,
    ids: Sequence[str],
    path: Path,
    ancestors: bool = True,
    each: Callable[[Sequence[str]], Iterable[str]] = iter,
) -> tuple[BundleListing, str]:
    """Write a bundle, and return its listing and its sha256, by which it can be cited.

    Args:
        archive: the archive of the versions.
        ids: ids of the versions.
        path: path of the bundle.
        ancestors: whether to add all ancestors and generation 0. A bundle without them can be imported only into an
            archive that has the parents.
        each: called with the ids of all versions; yields them one by one, for example to show progress.

    Raises:
        InputError: an ancestor is missing, or the bundle would be too large.
        DamagedFile: a version is damaged.
    """
    asked = tuple(dict.fromkeys(ids))
    versions = with_ancestors(archive, asked) if ancestors else ordered(archive, asked)
    contents: dict[str, bytes] = {}
    for version in each(versions):
        problems = list(check_folder(archive.root / version))
        if problems or not ID.fullmatch(version):
            raise DamagedFile(
                f"{archive.root}: {problems[0] if problems else f'{version!r} is not an id'}; not exported"
            )
        for name in archive.storage.files(version):
            contents[f"{FOLDERS}{version}/{name}"] = archive.storage.read(f"{version}/{name}")
    size = sum(map(len, contents.values()))
    if size > MOST_BYTES:
        raise InputError(f"{size:,} bytes are more than a bundle may have ({MOST_BYTES:,}): export fewer versions")
    files = {name: BundleEntry(sha256=sha256(data), size=len(data)) for name, data in contents.items()}
    listing = BundleListing(format=FORMAT, asked=asked, versions=tuple(versions), files=files)
    data = packed({LIST: listing.model_dump_json(indent=1).encode(), **contents})
    write_atomically(path, data)
    return listing, sha256(data)


def packed(contents: dict[str, bytes]) -> bytes:
    """Return a zip of ``contents`` without compression, so that every machine makes the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # a plain file, as on Unix
            archive.writestr(entry, data)
    return buffer.getvalue()


def with_ancestors(archive: Archive, ids: Sequence[str]) -> list[str]:
    """Return the versions, all their ancestors, and generation 0, which the search compared them with.

    Raises:
        InputError: an ancestor is not in the archive.
    """
    waiting = [*ids, *(card.id for card in archive.cards() if card.generation == 0)]
    reached = set(waiting)
    while waiting:
        version = waiting.pop()
        for parent in archive.card(version).parents:
            if parent not in archive:
                raise InputError(
                    f"{archive.root}: {version}'s parent {parent} is not there; --no-ancestors exports without it"
                )
            if parent not in reached:
                reached.add(parent)
                waiting.append(parent)
    return ordered(archive, sorted(reached))


def ordered(archive: Archive, ids: Sequence[str]) -> list[str]:
    """Return ``ids`` by generation and id, but each version after its parents.

    Raises:
        DamagedFile: versions descend from each other.
    """
    cards = sorted(map(archive.card, ids), key=lambda card: (card.generation, card.id))
    left = {card.id: set(card.parents) & set(ids) for card in cards}
    result: list[str] = []
    while left:
        ready = next((version for version, parents in left.items() if parents <= set(result)), None)
        if ready is None:
            raise DamagedFile(f"{archive.root}: {', '.join(left)} descend from each other")
        result.append(ready)
        del left[ready]
    return result
