"""The format of bundles: a zip of complete version folders, stored without compression, with a list of all hashes."""

from __future__ import annotations

import re

from ...records.card import FrozenModel

FORMAT = 1
LIST = "bundle.json"
"""The first entry: a `BundleListing`."""
FOLDERS = "versions/"

MOST_BYTES = 1 << 30
"""Largest size of a bundle. Its entries are not compressed, so this limits their total size too."""
MOST_ENTRIES = 100_000
MOST_TEXT = 1 << 24
"""Largest size in bytes of a file that is not compressed, such as a source or a card."""
MOST_UNPACKED = 1 << 28
"""Largest size in bytes of the content of a compressed file, such as action logs."""

ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
"""Valid ids of versions and names of their files."""


class BundleEntry(FrozenModel):
    """A file of a bundle."""

    sha256: str
    size: int


class BundleListing(FrozenModel):
    """The table of contents of a bundle."""

    format: int
    asked: tuple[str, ...]
    """Versions that the user asked for; the others are their ancestors."""
    versions: tuple[str, ...]
    """All versions, parents before children."""
    files: dict[str, BundleEntry]
    """All files but the listing itself, by name in the zip."""
