"""Finds the kind of comparison that suits recorded answers."""

from __future__ import annotations

import re
from collections.abc import Collection

from ..extras import install_command
from .choice import read_choice
from .equivalences import math_is_installed
from .mathematics import read_formula
from .number import read_number
from .readings import Words

_MARKS = re.compile(r"\\[A-Za-z]+|[\^√π=∪≤≥<>]|\d ?[a-z]\b|\b[a-z] ?[+*/-] ?[\da-z]\b|^[(\[{][^A-Za-z]*,.*[)\]}]$")
_FEW = 0.05
"""The share of gold answers that must be formulas."""


def default_kind(golds: Collection[str]) -> tuple[str, str]:
    """Return the kind of comparison for the gold answers of an environment, and the reason as text for the user."""
    total = len(golds)
    letters = [read_choice(gold) for gold in golds]
    if all(found is not None and "".join(found).isalpha() for found in letters):
        return "choice", "all gold answers are letters of options"
    numbers = sum(read_number(gold) is not None for gold in golds)
    if numbers == total:
        return "number", "all gold answers are numbers"
    formulas = sum(is_formula(gold) for gold in golds)
    if formulas and formulas >= _FEW * total:
        reason = f"{formulas} of {total} gold answers are formulas"
        if math_is_installed():
            return "math", reason
        return "number", f"{reason}, but --answers math needs math-verify: {install_command('math')}"
    if numbers * 2 >= total:
        return "number", f"{numbers} of {total} gold answers are numbers"
    return "text", "most gold answers are neither numbers nor formulas" if numbers else "the gold answers are words"


def is_formula(answer: str) -> bool:
    """Return whether an answer is a formula, and no plain number."""
    if not _MARKS.search(answer) or read_number(answer) is not None:
        return False
    return not isinstance(read_formula(answer), Words | None)
