"""Versions -> a bundle: the same versions, the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from envs.errors import DamagedFile, InputError
from envs.store import write_atomically

from ..archive import Archive, check_folder, sha256
from .bundle import FOLDERS, FORMAT, ID, LIST, MOST_BYTES, BundleEntry, BundleListing


def export(archive: Archive, ids: Sequence[str], path: Path, ancestors: bool = True) -> tuple[BundleListing, str]:
    """Write a bundle, and return what is in it, and its sha256, by which it can be cited.

    Args:
        archive: where the versions are.
        ids: of the versions.
        path: of the bundle.
        ancestors: whether all that they descend from comes along, and generation 0; without, only an archive that has
            their parents takes the bundle.

    Raises:
        InputError: a version that is damaged, or cannot be published: an ancestor is missing, or it is too large.
    """
    asked = tuple(dict.fromkeys(ids))
    versions = with_ancestors(archive, asked) if ancestors else ordered(archive, asked)
    contents: dict[str, bytes] = {}
    for version in versions:
        problems = list(check_folder(archive.root / version))
        if problems or not ID.fullmatch(version):
            raise DamagedFile(
                f"{archive.root}: {problems[0] if problems else f'{version!r} is not an id'}; not exported"
            )
        for file in sorted((archive.root / version).iterdir()):
            contents[f"{FOLDERS}{version}/{file.name}"] = file.read_bytes()
    size = sum(map(len, contents.values()))
    if size > MOST_BYTES:
        raise InputError(f"{size:,} bytes are more than a bundle may have ({MOST_BYTES:,}): export fewer versions")
    files = {name: BundleEntry(sha256=sha256(data), size=len(data)) for name, data in contents.items()}
    listing = BundleListing(format=FORMAT, asked=asked, versions=tuple(versions), files=files)
    data = packed({LIST: listing.model_dump_json(indent=1).encode(), **contents})
    write_atomically(path, data)
    return listing, sha256(data)


def packed(contents: dict[str, bytes]) -> bytes:
    """Return a zip of ``contents``, stored as they are: bytes that no machine's compression changes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, data in contents.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system, entry.external_attr = 3, 0o100644 << 16  # a plain file, as on Unix
            archive.writestr(entry, data)
    return buffer.getvalue()


def with_ancestors(archive: Archive, ids: Sequence[str]) -> list[str]:
    """Return the versions, all that they descend from, and generation 0, which the search measured them against.

    Raises:
        InputError: an ancestor is not in the archive.
    """
    waiting = [*ids, *(card.id for card in archive.cards() if card.generation == 0)]
    found = set(waiting)
    while waiting:
        version = waiting.pop()
        for parent in archive.card(version).parents:
            if parent not in archive:
                raise InputError(
                    f"{archive.root}: {version}'s parent {parent} is not there; --no-ancestors exports without it"
                )
            if parent not in found:
                found.add(parent)
                waiting.append(parent)
    return ordered(archive, sorted(found))


def ordered(archive: Archive, ids: Sequence[str]) -> list[str]:
    """Return ``ids`` by generation and id, but each after its parents where these are among them."""
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
