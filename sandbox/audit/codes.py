"""Numbers the answers of each question, and draws the codes under which a candidate gets them in an audit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.store import ABSENT

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


def draw_codes(width: int, pairs: Ints, generator: np.random.Generator) -> tuple[Ints, Ints, Ints]:
    """Draw the codes of answers.

    Half of the episodes use other codes for decoys. A quarter use the same codes. A quarter use the same codes with
    two answers exchanged.

    Args:
        width: the number of answers, a prime.
        pairs: (E, 2) the answers to exchange.
        generator: the source of all random draws.

    Returns:
        (E, width + 1) codes for true cells, (E, width + 1) codes for decoys, and (E, 2) the exchanged answers, 0
        where none are.
    """
    small = np.int32 if width**2 < 1 << 31 else np.int64
    numbers = np.arange(width, dtype=small)
    names, others = np.zeros((2, len(pairs), width + 1), small)
    for drawn in (names, others):  # k -> a k + b modulo a prime: cheaper than a permutation, and hides as well
        a, b = (generator.integers(least, width, (len(pairs), 1), small) for least in (1, 0))
        drawn[:, 1:] = (a * numbers + b) % width + 1
    kind = generator.choice(3, len(pairs), p=(0.5, 0.25, 0.25))
    others[kind > 0] = names[kind > 0]
    swap = np.flatnonzero(kind == 2)
    others[swap[:, None], pairs[swap]] = names[swap[:, None], pairs[swap, ::-1]]
    return names, others, np.where(kind[:, None] == 2, pairs, 0)


def smallest_prime(least: int) -> int:
    """Return the smallest prime that is at least ``least`` and at least 3."""
    n = max(3, least)
    while any(n % d == 0 for d in range(2, int(n**0.5) + 1)):
        n += 1
    return n
