"""The rows that every reader yields, and the mapping of their fields to those of `BranchLine`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..dotted_paths import find
from ..errors import InputError
from .line import FIELDS
from .options import ImportOptions


@dataclass(slots=True)
class ImportedRow:
    """One row of a file: one branch, or several branches of one question."""

    place: str
    """The place in the file, such as ``line 3``."""
    fields: dict[str, Any]
    """Fields of a `BranchLine`, not checked yet."""
    raw: Any
    """The original row, for `--map`."""
    lists: dict[str, list[Any]] = field(default_factory=dict)
    """Fields with one value for each branch of the row."""


@dataclass(slots=True)
class UnreadableRow:
    """A row that cannot be read."""

    place: str
    why: str


FormatReader = Callable[[Path, ImportOptions], Iterator[ImportedRow | UnreadableRow]]
"""Reads one file of a format. Raises `InputError` if the file as a whole cannot be read."""


class SkippedRow(Exception):
    """A row or a branch cannot be imported. The message contains no value, so that equal reasons can be counted."""


def parse_map(pairs: list[str]) -> dict[str, str]:
    """Return ``field=path`` pairs as a mapping.

    Raises:
        InputError: a field does not exist or occurs twice, or a path is empty or has two stars.
    """
    mapping: dict[str, str] = {}
    for pair in pairs:
        name, _, path = pair.partition("=")
        if not path:
            raise InputError(f"--map {pair}: expected field=path, such as final_answer=output.answer")
        if name not in FIELDS:
            raise InputError(f"--map {pair}: there is no field {name!r}; there are {', '.join(FIELDS)}")
        if name in mapping:
            raise InputError(f"--map {pair}: {name} is mapped twice")
        if path.count("*") > 1:
            raise InputError(f"--map {pair}: a path may have one star, which stands for the branches of a row")
        mapping[name] = path
    return mapping


def branches(row: ImportedRow, mapping: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the fields of each branch of ``row``. The fields in ``mapping`` are looked up in the original row.

    Raises:
        SkippedRow: a path with a star leads to no list, or lists are empty or have different lengths.
    """
    fields, lists = dict(row.fields), dict(row.lists)
    for name, path in mapping.items():
        fields.pop(name, None)
        lists.pop(name, None)
        value = find(row.raw, path)
        if "*" not in path:
            fields[name] = value
        elif isinstance(value, list):
            lists[name] = value
        else:
            raise SkippedRow(f"{name}: no list at {path}")
    if not lists:
        yield fields
        return
    sizes = {len(values) for values in lists.values()}
    if len(sizes) > 1:
        raise SkippedRow(f"lists of different lengths: {', '.join(lists)}")
    if sizes == {0}:
        raise SkippedRow(f"an empty list of branches: {', '.join(lists)}")
    for values in zip(*lists.values(), strict=True):
        yield fields | dict(zip(lists, values, strict=True))
