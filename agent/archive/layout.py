"""Names of the files of an archive, and the hash and the flush with which they are written."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SOURCE, CARD, LOGS, MANIFEST = "controller.py", "card.json", "logs.npz", "manifest.json"
TRANSCRIPT = "transcript.txt.gz"
INDEX = "index.sqlite"
BELIEFS = "beliefs.npz"
"""What is believed of all versions, in a database (`beliefs_file`)."""
COLUMNS = "columns.npz"
"""The index of a large archive in a directory once more, in columns, which are read at once (`columns_file`)."""
OVERVIEW = "overview.json"
"""What lists show first of a large archive (`overview_file`)."""
REPLAYS = "replays"
FIGURES = "figures"
"""Results of each version by question, derived from its logs (`agent.population.overfitting.question_results`)."""


def sha256(data: bytes) -> str:
    """Return the SHA-256 hash of ``data`` in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def sync(directory: Path) -> None:
    """Flush a directory to disk, so that its entries survive a crash of the machine."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
