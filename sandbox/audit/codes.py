"""Numbers the answers of each question, and draws the codes under which a candidate gets them in an audit."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.store import ABSENT

_MOST = 2048
"""The largest code up to which all products of codes are held: 8 MB."""
_ROWS = 64
"""Episodes whose codes are drawn at a time: they fit into the processor's cache."""
_DENSE = 8
"""Pairs of a question and an answer, for each cell, up to which a table of all pairs is made."""

Ints = npt.NDArray[np.int64]


def pairs_of(question: Ints, cells: npt.NDArray[np.int32], questions: int) -> tuple[Ints, Ints, Ints]:
    """Return the pairs of a question and one of its answers, in order, and for each cell the number of its pair."""
    width = int(cells.max(initial=0)) + 1
    keys = question * width + cells
    if questions * width > _DENSE * max(len(cells), 1 << 16):
        pairs, inverse = np.unique(keys, return_inverse=True)
        return pairs // width, pairs % width, inverse.ravel()
    used = np.zeros(questions * width, bool)  # quicker than to sort all cells
    used[keys] = True
    pairs = np.flatnonzero(used)
    number = np.cumsum(used, dtype=np.int32) - 1
    return pairs // width, pairs % width, number[keys]


@dataclass(frozen=True, slots=True)
class NumberedAnswers:
    """The answers of Q questions, numbered from 1 within each question."""

    question: Ints
    """(A,) the question of each answer."""
    number: Ints
    """(A,)"""
    answer: Ints
    """(A,) the answer in the vocabulary of the environment."""
    sizes: Ints
    """(Q,) the answers of each question, and the spare ones."""
    frequent: Ints
    """(Q, 2) the numbers of the two most frequent final answers of each question."""


def number_answers(
    owner: Ints, probes: Ints, cells: npt.NDArray[np.int32], questions: int, spare: int,
    numbers: npt.NDArray[np.uint16],
) -> NumberedAnswers:  # fmt: skip
    """Number the answers of an environment, and write the number of each cell into ``numbers``; 0 for an absent one.

    Args:
        owner: (N,) the question of each branch.
        probes: (N,) the probes of each branch.
        cells: (C,) of each branch its probe answers, and then its final answer.
        questions: the number of questions.
        spare: answers that each question gets in addition.
        numbers: (C,)
    """
    of, answer, inverse = pairs_of(np.repeat(owner, probes + 1), cells, questions)
    present = answer != ABSENT
    rank = np.cumsum(present)
    starts = np.searchsorted(of, np.arange(questions))
    number = np.where(present, rank - (rank[starts] - present[starts])[of], 0)
    numbers[:] = number.astype(np.uint16)[inverse]
    sizes = np.bincount(of[present], minlength=questions) + spare
    ends = np.zeros((questions, int(sizes.max()) + 1), np.int64)
    np.add.at(ends, (owner, numbers[np.cumsum(probes + 1) - 1]), 1)
    ends, each = ends[:, 1:], np.arange(questions)
    most = ends.argmax(axis=1)
    ends[each, most] = -1
    frequent = np.stack([most, ends.argmax(axis=1)], axis=1) + 1
    return NumberedAnswers(of[present], number[present], answer[present], sizes, frequent)


@dataclass(frozen=True, slots=True)
class DrawnCodes:
    """The codes of the answers of E episodes; W is the largest code."""

    table: npt.NDArray[np.uint16]
    """(E, 2, W + 1) the codes of the answers in decoys, and in true cells; 0 for an absent one."""
    renamed: npt.NDArray[np.bool_]
    """(E,) whether decoys have other codes than true cells."""
    exchanged: Ints
    """(E, 2) the answers that are exchanged in decoys, 0 where none are."""

    @property
    def names(self) -> npt.NDArray[np.uint16]:
        """(E, W + 1) the codes of the answers in true cells."""
        return self.table[:, 1]


class CodeDrawing:
    """Draws the codes of answers.

    A code is a k + b modulo the prime ``width`` for the answer k: cheaper than a permutation, and hides as well.

    Args:
        width: the number of answers, a prime of at least 5.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._numbers: npt.NDArray[Any] = np.arange(width, dtype=np.int32 if width**2 < 1 << 31 else np.int64)

    @cached_property
    def _products(self) -> npt.NDArray[np.uint16]:
        """(width, width) every product modulo the width: to copy a row of them is quicker than to compute it."""
        products: npt.NDArray[np.uint16] = (self._numbers[:, None] * self._numbers % self.width).astype(np.uint16)
        return products

    def draw(self, pairs: Ints, generator: np.random.Generator) -> DrawnCodes:
        """Draw the codes of each episode.

        Half of the episodes use other codes for decoys. A quarter use the same codes. A quarter use the same codes with
        two answers exchanged.

        Args:
            pairs: (E, 2) the answers to exchange.
            generator: the source of all random draws.
        """
        (a, b), (c, d) = (
            [generator.integers(least, self.width, (len(pairs), 1), self._numbers.dtype) for least in (1, 0)]
            for _ in range(2)
        )
        kind = generator.choice(3, len(pairs), p=(0.5, 0.25, 0.25))
        own = (kind == 0)[:, None]
        table = np.empty((len(pairs), 2, self.width + 1), np.uint16)
        self._fill(table[:, 1], a, b)
        self._fill(table[:, 0], np.where(own, c, a), np.where(own, d, b))
        swap = np.flatnonzero(kind == 2)
        table[swap[:, None], 0, pairs[swap]] = table[swap[:, None], 1, pairs[swap, ::-1]]
        renamed = own & ((a != c) | (b != d))
        return DrawnCodes(table, renamed.ravel(), np.where(kind[:, None] == 2, pairs, 0))

    def _fill(self, codes: npt.NDArray[np.uint16], a: npt.NDArray[Any], b: npt.NDArray[Any]) -> None:
        """Write 0, and then a k + b modulo the width, and 1 more, into ``codes`` (E, width + 1)."""
        codes[:, 0] = 0
        if not self.width // 2 < len(codes) or self.width > _MOST:
            codes[:, 1:] = (a * self._numbers + b) % self.width + 1
            return
        for start in range(0, len(codes), _ROWS):
            here = slice(start, start + _ROWS)
            sums = self._products[a[here, 0]]
            sums += b[here].astype(np.uint16)
            np.minimum(sums, sums - np.uint16(self.width), out=sums)  # below zero is a large number
            np.add(sums, 1, out=codes[here, 1:])


def smallest_prime(least: int) -> int:
    """Return the smallest prime that is at least ``least`` and at least 3."""
    n = max(3, least)
    while any(n % d == 0 for d in range(2, int(n**0.5) + 1)):
        n += 1
    return n
