"""Variants of a source that evolve did not write: some of its numbers change, the rest stays as it is."""

from __future__ import annotations

import ast
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from autotts.sandbox import policy

from ...records.explorer import Brief, Proposal
from ...records.version import GIVEN, BriefVersion

_TRIES = 60
"""Drafts of a variant, at most, until one differs from all others."""
_FIXED = (0, 1)
"""Numbers that stay as they are: they seldom are a setting (as in `agent.records.complexity`)."""
_SPREAD = 0.4
"""Standard deviation of the logarithm of a factor, as for the constants of a genome."""


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    """A number in a source, and the place of its digits."""

    line: int
    """From 0."""
    start: int
    """First byte in its line."""
    end: int
    value: int | float


def is_given(version: BriefVersion) -> bool:
    """Return whether ``version`` is a source that the run was given, or a variant of one."""
    return bool(version.data.get(GIVEN))


def number_variants(parents: Sequence[BriefVersion], brief: Brief) -> list[Proposal]:
    """Return a variant of each of ``parents`` (one may come twice), without duplicates; fewer if none is left.

    Args:
        parents: versions that a user gave, or variants of them.
        brief: the task; all chance comes from its seed.
    """
    rng = random.Random(f"{brief.seed} {brief.slot} numbers")
    seen = {version.source for version in (*brief.parents, *brief.mates, *brief.front)}
    proposals = []
    for parent in parents:
        for _ in range(_TRIES):
            made = vary_numbers(parent.source, rng)
            if made is not None and made[0] not in seen:
                seen.add(made[0])
                rationale = f"Other numbers in {parent.id}: {made[1]}."
                proposals.append(Proposal(made[0], rationale, (parent.id,), {GIVEN: True}))
                break
    return proposals


def vary_numbers(source: str, rng: random.Random) -> tuple[str, str] | None:
    """Return ``source`` with one to three other numbers, and the changes in words; None if it has no number to change.

    A whole number stays whole and changes by at least one; a number between 0 and 1 stays there.
    """
    found = number_literals(source)
    if not found:
        return None
    lines = source.splitlines(keepends=True)
    chosen = rng.sample(found, min(len(found), rng.choice((1, 1, 2, 3))))
    words = []
    for number in sorted(chosen, key=lambda n: (n.line, n.start), reverse=True):  # later places first: they do not move
        text = repr(_changed(number.value, rng))
        line = lines[number.line].encode()
        lines[number.line] = (line[: number.start] + text.encode() + line[number.end :]).decode()
        words.append(f"{number.value!r} -> {text} in line {number.line + 1}")
    return "".join(lines), ", ".join(reversed(words))


def number_literals(source: str) -> list[NumberLiteral]:
    """Return the numbers of ``source`` other than 0 and 1, in their order; none if it does not parse.

    Numbers inside of f-strings are left out: before Python 3.12 their places are not known.
    """
    try:
        nodes = list(ast.walk(policy.parse(source)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    found = [
        NumberLiteral(node.lineno - 1, node.col_offset, node.end_col_offset or 0, node.value)
        for node in nodes
        if isinstance(node, ast.Constant)
        and isinstance(node.value, int | float)
        and not isinstance(node.value, bool)
        and node.value not in _FIXED
    ]
    lines = source.splitlines(keepends=True)
    return sorted((n for n in found if _is_at(n, lines)), key=lambda number: (number.line, number.start))


def _is_at(number: NumberLiteral, lines: Sequence[str]) -> bool:
    try:
        return bool(ast.literal_eval(lines[number.line].encode()[number.start : number.end].decode()) == number.value)
    except (IndexError, ValueError, SyntaxError):
        return False


def _changed(value: int | float, rng: random.Random) -> int | float:
    factor = math.exp(rng.gauss(0, _SPREAD))
    if isinstance(value, int):
        near = round(value * factor)
        return near if near != value else max(1, value + (1 if factor > 1 else -1))
    if 0 < value < 1:
        odds = value / (1 - value) * factor
        return float(f"{odds / (1 + odds):.4g}")
    return float(f"{value * factor:.4g}")
