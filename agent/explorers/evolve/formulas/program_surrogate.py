"""A surrogate model of the quality of programs: the Gaussian process of `..surrogate`, over formulas."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence

import numpy as np

from autotts.envs.statistics import Floats

from ..genome import Span
from ..surrogate import LEAST, GaussianProcess
from .expression import OPERATIONS, Expression
from .program import Program
from .vocabulary import SLOTS

_SHAPES, _CONSTANTS = 24, 8
"""Features of a slot for the nodes of its formula, and for its constants: each node and each constant adds to one."""
_NODE, _MIDDLE, _SLOPE = 0.5, 0.9, 0.45
"""Distances in units of the kernel's length scale: of one node; of a factor e of a constant; and of such a factor
between a constant's ends."""


class ProgramSurrogate(GaussianProcess[Program]):
    """A Gaussian process over programs. Programs of one shape differ by their constants, others also by their nodes."""

    def features(self, genomes: Sequence[Program]) -> Floats:
        return np.array([_row(program) for program in genomes], float).reshape(len(genomes), _PARTS[-1].stop)

    def parts(self) -> Sequence[slice]:
        return _PARTS


def program_surrogate(measured: Sequence[tuple[Program, float]]) -> ProgramSurrogate | None:
    """Return the model of ``measured`` programs and their qualities; None if there are too few."""
    if len(measured) < LEAST:
        return None
    return ProgramSurrogate([program for program, _ in measured], [quality for _, quality in measured])


def _row(program: Program) -> list[float]:
    row: list[float] = []
    for slot in SLOTS:
        part = [0.0] * (_SHAPES + 2 * _CONSTANTS)
        _add(program.formulas[slot], slot, part)
        row += part
    return row


def _add(tree: Expression, beside: str, part: list[float]) -> None:
    """Add the nodes and constants of ``tree``; ``beside`` names the place of a constant."""
    if tree.is_constant:
        at = _SHAPES + 2 * (_hash(beside) % _CONSTANTS)
        middle, slope = _scaled(tree.span)
        part[at] += _MIDDLE * middle
        part[at + 1] += _SLOPE * slope
        return
    part[_hash(f"{tree.op} {tree.name}") % _SHAPES] += _NODE
    names = [node.op + node.name for node in tree.args if not node.is_constant] or [beside]
    for each in tree.args:
        deeper = next((node.op for node in each.walk() if node.op not in OPERATIONS), "")
        _add(each, f"{tree.op} {names[0] if each.is_constant else deeper}", part)


def _scaled(span: Span) -> tuple[float, float]:
    """Return the middle of a constant and the distance of its ends, on a scale that is logarithmic far from 0."""
    lo, hi = (math.log(end) if end > 0.001 else -7 + math.asinh(end) for end in span)
    if min(span) <= 0:
        lo, hi = (math.asinh(end) for end in span)
    return (lo + hi) / 2, hi - lo


def _hash(text: str) -> int:
    return zlib.crc32(text.encode())


_SIZE = _SHAPES + 2 * _CONSTANTS
_PARTS = [slice(first, first + _SIZE) for first in range(0, _SIZE * len(SLOTS), _SIZE)]
