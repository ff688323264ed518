"""The options of an import."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..answers.extraction import Extraction
from ..errors import InputError
from ..store import MAX_TOKENS


@dataclass(frozen=True, slots=True)
class Lengths:
    """How to find the tokens of a branch that the file does not hold. At most one field is set."""

    characters: float | None = None
    """Characters of a token, to estimate lengths from texts."""
    shared: bool = False
    """Whether the tokens of all choices of a response are divided in proportion to their texts."""
    each: int | None = None
    """Tokens that stand for every branch whose length is not known."""

    def __bool__(self) -> bool:
        return self != Lengths()


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """Settings of an import. A field that is None leaves the value as it is in the file."""

    mapping: Mapping[str, str] = field(default_factory=dict)
    """For each field of `BranchLine`, the dotted path of its value in a row of the file."""
    delta: int | None = None
    """Tokens of an interval, if the file does not give it, or if it shall be a longer one."""
    lengths: Lengths = Lengths()
    extract: Extraction | None = None
    """How the final answer is found in the text of a branch."""
    extract_gold: Extraction | None = None
    """How the gold answer is found in the reference."""
    question_id: re.Pattern[str] | None = None
    """The part of an id that names the question; the rest tells its branches apart."""
    requests: Path | None = None
    """The requests of a batch job, which hold the questions."""
    gold: Path | None = None
    """A table of gold answers."""
    gold_columns: tuple[str, str] | None = None
    """The columns of that table: the key by which it is joined, and the answer."""
    scorer: str | None = None
    """The scorer of an Inspect log whose answers are imported."""
    filter: str | None = None
    """The filter of lm-evaluation-harness samples whose answers are imported."""
    split: str | None = None
    """The split of a data set that is imported."""
    sheet: str | None = None
    """The sheet of a workbook that is imported."""
    answers: str | None = None
    """How answers are compared, see `envs.answers.equivalence`; None chooses from the data."""


def lengths(text: str | None) -> Lengths:
    """Return how to find missing lengths, from ``chars/N``, ``shared``, or a number of tokens.

    Raises:
        InputError: the text has another form, or the number is not positive.
    """
    if text is None:
        return Lengths()
    if text == "shared":
        return Lengths(shared=True)
    match = re.fullmatch(r"chars/(\d{1,9}(?:\.\d{1,9})?)", text)
    if match is not None and float(match[1]):
        return Lengths(characters=float(match[1]))
    if re.fullmatch(r"\d{1,10}", text) and 0 < int(text) <= MAX_TOKENS:
        return Lengths(each=int(text))
    raise InputError(
        f"--tokens {text}: expected chars/N, such as chars/4 (a token for every 4 characters); shared (the tokens of a"
        " response, divided among its choices); or a number of tokens for every branch"
    )


def question_pattern(text: str | None) -> re.Pattern[str] | None:
    """Return the pattern of ``--question-id``, which has at most one group.

    Raises:
        InputError: the text is not a regular expression, or has several groups.
    """
    if text is None:
        return None
    try:
        compiled = re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise InputError(f"--question-id: not a regular expression ({str(error).splitlines()[0]})") from None
    if compiled.groups > 1:
        raise InputError(f"--question-id: {compiled.groups} groups, but one names the question: write (?:...)")
    return compiled


def columns(text: str | None) -> tuple[str, str] | None:
    """Return the columns of ``--gold-columns KEY=ANSWER``.

    Raises:
        InputError: the text has another form.
    """
    if text is None:
        return None
    key, _, answer = text.partition("=")
    if not key or not answer:
        raise InputError(f"--gold-columns {text}: expected KEY=ANSWER, such as id=solution")
    return key, answer
