"""Detects the format of a file."""

from __future__ import annotations

import zipfile
from pathlib import Path

from ..errors import InputError
from . import datasets, mars, pickles, tables
from .jsonl import parse

FORMATS = ("published", "jsonl", "inspect", "lm-eval", "batch", "hf", "table", "mars", "deepconf")
_PICKLES = (".pkl", ".pickle")
_OLD_TABLES = (".xls", ".xlsb", ".ods", ".numbers")
_HEAD = 2**16
_BATCHES = (b'"response"', b'"result"', b'"body"', b'"params"')
"""The keys of responses and of requests, beside their ``custom_id``."""


def detect(path: Path) -> str:
    """Return the format of ``path`` from its name and its first bytes.

    Raises:
        InputError: the file does not exist, is compressed, is a spreadsheet of another kind, or one JSON document.
    """
    if not path.exists():
        raise InputError(f"{path}: no such file")
    if path.suffix == mars.SUFFIX and set(mars.COLUMNS) <= set(datasets.parquet_columns(path)):
        return "mars"
    if path.is_dir() or path.suffix in datasets.SUFFIXES:
        return "hf"
    if path.suffix.lower() in _PICKLES:
        return "deepconf" if pickles.begins_with_text(path) else "mars"  # keys are texts, or pairs of numbers
    if path.suffix.lower() in tables.SUFFIXES:
        return "table"
    if path.suffix.lower() in _OLD_TABLES:
        raise InputError(f"{path}: save the spreadsheet as .xlsx or .csv")
    if path.suffix == ".eval" or zipfile.is_zipfile(path):
        return "inspect"
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head[:2] == b"\x1f\x8b" or head[:4] == b"\x28\xb5\x2f\xfd":
        raise InputError(f"{path}: the file is compressed; unpack it")
    return _of_text(path, head.removeprefix(b"\xef\xbb\xbf").lstrip())


def _of_text(path: Path, text: bytes) -> str:
    """Return the format of a file that begins with ``text``."""
    kind = "lm-eval" if _samples(text) else "batch" if _responses(text) else "jsonl"
    if path.suffix in (".jsonl", ".ndjson"):
        return kind
    if not text.startswith(b"{"):
        return kind if _listed(text) else "published"  # its reader explains what is wrong with any other content
    lines = text.split(b"\n", 4)
    if kind != "jsonl" or any(isinstance(parse(line), dict) for line in lines[:-1]):
        return kind
    if _is_log(text):
        return "inspect"
    if len(lines) == 1:
        return kind
    raise InputError(f"{path}: one JSON document, neither a list of objects nor one object a line")


def _is_log(text: bytes) -> bool:
    return b'"eval"' in text and b'"version"' in text


def _samples(text: bytes) -> bool:
    """Return whether a file that begins with ``text`` holds samples of lm-evaluation-harness."""
    first = text.partition(b"\n")[0]
    return b'"doc_id"' in first and b'"doc"' in first


def _responses(text: bytes) -> bool:
    """Return whether a file that begins with ``text`` holds the responses, or the requests, of a batch job."""
    first = text.partition(b"\n")[0]
    return b'"custom_id"' in first and any(key in first for key in _BATCHES)


def _listed(text: bytes) -> bool:
    """Return whether a file that begins with ``text`` is a list of rows other than the published JSON."""
    start = text[1:].lstrip()[:1] if text.startswith(b"[") else b""
    return start == b"{" and b'"each_branch"' not in text and b'"final_answers_trace"' not in text
