"""Puts the program of an earlier commit beside this one, to run both on the same data."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def unpacked(commit: str, directory: Path) -> Path:
    """Write the program of ``commit`` into ``directory``, and return its root.

    Raises:
        SystemExit: this is no clone that has the commit.
    """
    made = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
    if made.returncode != 0:
        sys.exit(f"git archive {commit}: {made.stderr.decode().strip()}; it needs a clone with the history")
    with tarfile.open(fileobj=BytesIO(made.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory


def environment(root: Path) -> dict[str, str]:
    """Return the variables under which Python imports the program at ``root``."""
    return {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
