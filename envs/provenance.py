"""Where a collected environment comes from: pairs of texts that its file carries beside the recorded branches."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from .errors import InputError

MOST_ENTRIES = 100
MOST_BYTES = 64 << 10
"""Largest size of all names and values together, as JSON."""


def packed(provenance: Mapping[str, str]) -> dict[str, Any]:
    """Return the part of a file's header that holds ``provenance``: its pairs in order, and their checksum.

    Raises:
        InputError: it has too many entries, or they are too long.
    """
    pairs = [[name, value] for name, value in provenance.items()]
    problem = _problem(pairs)
    if problem:
        raise InputError(f"provenance: {problem}")
    return {"pairs": pairs, "sha256": _checksum(pairs)}


def unpacked(part: Any) -> dict[str, str]:
    """Return the provenance that a header holds.

    Args:
        part: what `packed` made; None for a file without provenance, as those of earlier versions.

    Raises:
        ValueError: it has another form, it is too large, or it does not match its checksum.
    """
    if part is None:
        return {}
    pairs = part["pairs"]
    problem = _problem(pairs)
    if problem:
        raise ValueError(f"provenance: {problem}")
    if part["sha256"] != _checksum(pairs):
        raise ValueError("the provenance does not match its checksum")
    return dict(pairs)


def _problem(pairs: Any) -> str:
    if not isinstance(pairs, list) or len(pairs) > MOST_ENTRIES:
        return f"not a list of at most {MOST_ENTRIES} entries"
    for pair in pairs:
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
            return "an entry that is no pair of texts"
    if len({name for name, _ in pairs}) < len(pairs):
        return "a name with two values"
    if len(_bytes(pairs)) > MOST_BYTES:
        return f"more than {MOST_BYTES >> 10} KiB"
    return ""


def _checksum(pairs: list[list[str]]) -> str:
    return hashlib.sha256(_bytes(pairs)).hexdigest()


def _bytes(pairs: list[list[str]]) -> bytes:
    return json.dumps(pairs).encode()
