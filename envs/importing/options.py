"""What a user may say about an import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """How files are read. Every field that is left out means: as the file has it."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """Where a field of ours lies in a row of theirs: dotted paths."""
    delta: int | None = None
    """Tokens of an interval, where the file does not say it."""
    characters: float | None = None
    """Characters of a token, where lengths are estimated from texts."""
    extract: re.Pattern[str] | None = None
    """What the final answer is in a text: the last match."""
    extract_gold: re.Pattern[str] | None = None
    """What the gold answer is in the reference: the last match."""
    scorer: str | None = None
    """Of an Inspect log, whose answers are taken."""
    filter: str | None = None
    """Of lm-evaluation-harness samples, whose answers are taken."""
    split: str | None = None
    """Of a data set."""


def characters(text: str | None) -> float | None:
    """Return N of an estimate that is written ``chars/N``.

    Raises:
        InputError: it is written otherwise, or N is not positive.
    """
    if text is None:
        return None
    found = re.fullmatch(r"chars/(\d{1,9}(?:\.\d{1,9})?)", text)
    if found is None or not float(found[1]):
        raise InputError(f"--tokens {text}: expected chars/N, such as chars/4: a token for every 4 characters")
    return float(found[1])


def pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    """Return a regular expression with at most one group.

    Raises:
        InputError: it is none.
    """
    if text is None:
        return None
    try:
        found = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"{option}: not a regular expression ({error})") from None
    if found.groups > 1:
        raise InputError(f"{option}: {found.groups} groups, but the answer is one: write the others as (?:...)")
    return found


def last_match(expression: re.Pattern[str], text: str) -> str | None:
    """Return the group (or all) of the last match in ``text``, without space around it; None if there is none."""
    found = None
    for match in expression.finditer(text):
        found = match[expression.groups]
    return found.strip() if found else None
