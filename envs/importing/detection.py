"""Detects the format of a file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..errors import InputError
from .datasets import SUFFIXES
from .jsonl import parse

FORMATS = ("published", "jsonl", "inspect", "lm-eval", "hf")
_HEAD = 2**16


def detect(path: Path) -> str:
    """Return the format of ``path`` from its name and its first bytes.

    Raises:
        InputError: the file does not exist.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.is_dir() or path.suffix in SUFFIXES:
        return "hf"
    if path.suffix == ".eval" or zipfile.is_zipfile(path):
        return "inspect"
    with path.open("rb") as file:
        head = file.read(_HEAD)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if path.suffix in (".jsonl", ".ndjson"):
        return "lm-eval" if _samples(text) else "jsonl"
    if not text.startswith(b"{"):
        return "published"  # its reader explains what is wrong with any other content
    first, ended, _ = text.partition(b"\n")
    if _samples(text):
        return "lm-eval"
    if b'"eval"' in text and b'"version"' in text and not (ended and isinstance(parse(first), dict)):
        return "inspect"
    return "jsonl"


def _samples(text: bytes) -> bool:
    """Return whether a file that begins with ``text`` holds samples of lm-evaluation-harness."""
    first = text.partition(b"\n")[0]
    return b'"doc_id"' in first and b'"doc"' in first
