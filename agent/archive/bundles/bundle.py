"""What a bundle is: a zip of whole version folders, nothing compressed again, with a list of all hashes."""

from __future__ import annotations

import re

from ...records.card import FrozenModel

FORMAT = 1
LIST = "bundle.json"
"""The first entry: a `BundleListing`."""
FOLDERS = "versions/"

MOST_BYTES = 1 << 30
"""Of a bundle. Its entries are not compressed, so that this is what it holds too."""
MOST_ENTRIES = 100_000
MOST_TEXT = 1 << 24
"""Bytes of a source, a card, or whatever else is not compressed."""
MOST_UNPACKED = 1 << 28
"""Bytes of what an entry, such as action logs, holds in compressed form."""

ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""What a version, or a file of one, may be called."""


class BundleEntry(FrozenModel):
    """A file of a bundle."""

    sha256: str
    size: int


class BundleListing(FrozenModel):
    """What is in a bundle."""

    format: int
    asked: tuple[str, ...]
    """Versions that it was made for; the others are their ancestors."""
    versions: tuple[str, ...]
    """All of them, parents before children."""
    files: dict[str, BundleEntry]
    """By name in the zip: all but the listing itself."""
