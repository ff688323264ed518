"""The options of an import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from ..errors import InputError


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Settings of an import. A field that is None leaves the value as it is in the file."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """For each field of `BranchLine`, the dotted path of its value in a row of the file."""
    delta: int | None = None
    """Tokens of an interval, if the file does not give it."""
    characters: float | None = None
    """Characters of a token, to estimate lengths from texts."""
    extract: re.Pattern[str] | None = None
    """The final answer is the last match in the text of a branch."""
    extract_gold: re.Pattern[str] | None = None
    """The gold answer is the last match in the reference."""
    scorer: str | None = None
    """The scorer of an Inspect log whose answers are imported."""
    filter: str | None = None
    """The filter of lm-evaluation-harness samples whose answers are imported."""
    split: str | None = None
    """The split of a data set that is imported."""


def characters(text: str | None) -> float | None:
    """Return N, the characters of a token, from the text ``chars/N``.

    Raises:
        InputError: the text has another form, or N is not positive.
    """
    if text is None:
        return None
    match = re.fullmatch(r"chars/(\d{1,9}(?:\.\d{1,9})?)", text)
    if match is None or not float(match[1]):
        raise InputError(f"--tokens {text}: expected chars/N, such as chars/4: a token for every 4 characters")
    return float(match[1])


def pattern(option: str, text: str | None) -> re.Pattern[str] | None:
    """Return ``text`` as a compiled regular expression with at most one group.

    Raises:
        InputError: the text is not a regular expression, or has several groups.
    """
    if text is None:
        return None
    try:
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"{option}: not a regular expression ({error})") from None
    if compiled.groups > 1:
        raise InputError(f"{option}: {compiled.groups} groups, but the answer is one: write the others as (?:...)")
    return compiled


def last_match(expression: re.Pattern[str], text: str) -> str | None:
    """Return the last match in ``text``, or its group if there is one, stripped of spaces; None for no match."""
    last = None
    for match in expression.finditer(text):
        last = match[expression.groups]
    return last.strip() if last else None
