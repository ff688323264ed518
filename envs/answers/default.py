"""Finds the kind of comparison that suits recorded answers."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from ..extras import install_command
from .choice import read_choice
from .equivalences import math_is_installed
from .mathematics import read_formula
from .number import read_number
from .readings import Words

_MARKS = re.compile(r"\\[A-Za-z]+|[\^√π=∪≤≥<>]|\d ?[a-z]\b|\b[a-z] ?[+*/-] ?[\da-z]\b|^[(\[{][^A-Za-z]*,.*[)\]}]$")
_FEW = 0.05
"""The share of gold answers that must be formulas."""
_MOST_ANSWERS = 1000
"""The number of different answers that are looked at."""


def default_kind(golds: Collection[str], answers: Sequence[str] = ()) -> tuple[str, str]:
    """Return the kind of comparison that suits an environment, and the reason as text for the user.

    Args:
        golds: the gold answers.
        answers: the different answers, gold ones among them. They must bear out that gold letters are options.
    """
    total = len(golds)
    options = sum(map(_is_option, answers[:_MOST_ANSWERS])) * 2 >= len(answers[:_MOST_ANSWERS])
    if options and all(map(_is_option, golds)):
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


def _is_option(answer: str) -> bool:
    chosen = read_choice(answer)
    return chosen is not None and "".join(chosen).isalpha()


def is_formula(answer: str) -> bool:
    """Return whether an answer is a formula, and no plain number."""
    if not _MARKS.search(answer) or read_number(answer) is not None:
        return False
    return not isinstance(read_formula(answer), Words | None)
