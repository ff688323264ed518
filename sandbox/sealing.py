"""Seals questions: recorded branches with an opaque code in place of each answer, as they cross the wall."""

from __future__ import annotations

import secrets
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from autotts.envs.recordings import answer_cells
from autotts.envs.store import ABSENT, Environment

from .packed_extras import Head, PackedExtras
from .sealed_extras import SealedExtras

INVENTED = -2
"""The meaning of a code that stands for an answer of no branch."""


@dataclass(frozen=True, slots=True)
class SealedQuestion:
    """One question as it crosses the wall: columns of opaque codes, and the table that translates them back.

    A cell is one answer of a branch: a probe answer, or the final answer in its last cell.
    """

    cells: npt.NDArray[np.uint16]
    """(C,) codes of the answers, branch after branch; 0 for an absent answer."""
    lengths: npt.NDArray[np.uint32]
    """(N,) number of cells of each branch."""
    totals: npt.NDArray[np.uint32]
    """(N,) tokens of each branch."""
    delta: int
    """Tokens of one interval."""
    probe_cost: int
    """Tokens charged for each probe."""
    meaning: npt.NDArray[np.int32]
    """The answer in the vocabulary of the environment for each code. It stays on the host."""
    extras: SealedExtras | None = None
    """Its signals, verifier and forks. Only what a candidate declares of them crosses the wall."""

    @property
    def nbytes(self) -> int:
        """Bytes that the question takes in a message."""
        answers = self.cells.nbytes + self.lengths.nbytes + self.totals.nbytes
        return answers + (0 if self.extras is None else self.extras.nbytes)


class SealedQuestions(Sequence[SealedQuestion]):
    """Q sealed questions, each made when it is taken."""

    @overload
    def __getitem__(self, index: int) -> SealedQuestion: ...
    @overload
    def __getitem__(self, index: slice) -> list[SealedQuestion]: ...

    def __getitem__(self, index: int | slice) -> SealedQuestion | list[SealedQuestion]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._question(range(len(self))[index])

    @abstractmethod
    def _question(self, i: int) -> SealedQuestion:
        """Return the question with the index ``i``, from 0."""

    @abstractmethod
    def sizes(self) -> npt.NDArray[np.int64]:
        """Return (Q,) the bytes that each question takes in a message. No question is made for it."""


class RecordedQuestions(SealedQuestions):
    """Questions of environments, each sealed anew when it is taken: nothing of them is held in between.

    The codes of a question are the same whenever it is taken, and are drawn anew for each object of this class.

    Args:
        environments: the environments.
        environment: (Q,) the environment of each question, as an index.
        question: (Q,) the index of each question in its environment.
    """

    def __init__(
        self, environments: Sequence[Environment], environment: npt.NDArray[np.int64], question: npt.NDArray[np.int64]
    ) -> None:
        self._environments, self._environment, self._index = environments, environment, question
        self._secret = secrets.randbits(128)

    def __len__(self) -> int:
        return len(self._index)

    def _question(self, i: int) -> SealedQuestion:
        env = self._environments[int(self._environment[i])]
        return seal_question(env, int(self._index[i]), np.random.default_rng([self._secret, i]))

    def places(self) -> Iterator[tuple[Environment, int]]:
        """Yield the environment of each question, and its index there."""
        for e, q in zip(self._environment.tolist(), self._index.tolist(), strict=True):
            yield self._environments[e], q

    def widths(self) -> npt.NDArray[np.int64]:
        """Return (Q,) the number of branches of each question."""
        widths = np.zeros(len(self), np.int64)
        for e, env in enumerate(self._environments):
            mine = np.flatnonzero(self._environment == e)
            widths[mine] = np.diff(env.branch_offsets)[self._index[mine]]
        return widths

    def sizes(self) -> npt.NDArray[np.int64]:
        sizes = np.zeros(len(self), np.int64)
        for e, env in enumerate(self._environments):
            mine = np.flatnonzero(self._environment == e)
            first, last = env.branch_offsets[self._index[mine]], env.branch_offsets[self._index[mine] + 1]
            cells = (env.probe_offsets[last] - env.probe_offsets[first]).astype(np.int64) + last - first
            numbers = len(env.signal_names) + (env.verifier is not None)
            sizes[mine] = (2 + 4 * numbers) * cells + (8 if env.parents is None else 16) * (last - first)
        return sizes


@dataclass(frozen=True)
class PackedQuestions(SealedQuestions):
    """Q sealed questions in a few columns, which become messages without a step for each question."""

    cells: npt.NDArray[np.uint16]
    """(C,) as in `SealedQuestion`, question after question."""
    lengths: npt.NDArray[np.uint32]
    """(N,)"""
    totals: npt.NDArray[np.uint32]
    """(N,)"""
    branches: npt.NDArray[np.int64]
    """(Q + 1,) the first branch of each question, and the number of branches."""
    ends: npt.NDArray[np.int64]
    """(Q + 1,) the first cell of each question, and the number of cells."""
    deltas: npt.NDArray[np.int64]
    """(Q,)"""
    probe_costs: npt.NDArray[np.int64]
    """(Q,)"""
    codes: npt.NDArray[np.uint16]
    """(Q, K) the code of each answer, as it is numbered in ``answers``; all different, from 0 to K - 1."""
    answers: npt.NDArray[np.int32]
    """(T, A) lists of answers in the vocabulary of the environment; A is at most K."""
    owner: npt.NDArray[np.int64]
    """(Q,) the list of each question."""
    extras: PackedExtras | None = None
    """Signals, scores and forks, as far as the candidate declares them; None if there are none."""

    def __len__(self) -> int:
        return len(self.deltas)

    def lengths_of(self, question: int) -> npt.NDArray[np.uint32]:
        """Return the number of cells of each branch of a question."""
        return self.lengths[int(self.branches[question]) : int(self.branches[question + 1])]

    def answer(self, question: int, code: int) -> int:
        """Return the answer that ``code``, from 0 to K - 1, stands for; -2 for an invented one."""
        number, known = int((self.codes[question] == code).argmax()), self.answers[self.owner[question]]
        return int(known[number]) if number < len(known) else INVENTED

    def _meaning(self, question: int) -> npt.NDArray[np.int32]:
        meaning, known = np.full(self.codes.shape[1], INVENTED, np.int32), self.answers[self.owner[question]]
        meaning[self.codes[question, : len(known)]] = known
        return meaning

    def _question(self, i: int) -> SealedQuestion:
        branches = slice(int(self.branches[i]), int(self.branches[i + 1]))
        return SealedQuestion(
            self.cells[int(self.ends[i]) : int(self.ends[i + 1])],
            self.lengths[branches],
            self.totals[branches],
            int(self.deltas[i]),
            int(self.probe_costs[i]),
            self._meaning(i),
            None if self.extras is None else self.extras.extras(i),
        )

    def sizes(self) -> npt.NDArray[np.int64]:
        sizes: npt.NDArray[np.int64] = 2 * np.diff(self.ends) + 8 * np.diff(self.branches)
        return sizes if self.extras is None else sizes + self.extras.sizes()

    def heads(self, first: int, stop: int) -> list[Head | None]:
        """Return what a worker must know of the extras of the questions ``first:stop``."""
        return [None] * (stop - first) if self.extras is None else self.extras.heads[first:stop]

    def columns(self, first: int, stop: int) -> QuestionColumns:
        """Return the columns of the questions ``first:stop``."""
        branches, cells = self.branches[first : stop + 1], self.ends[first : stop + 1]
        here = slice(int(branches[0]), int(branches[-1]))
        return {
            "cells": self.cells[int(cells[0]) : int(cells[-1])],
            "lengths": self.lengths[here],
            "totals": self.totals[here],
            "widths": np.diff(branches).astype(np.uint32),
            "deltas": self.deltas[first:stop].astype(np.uint32),
            "probe_costs": self.probe_costs[first:stop].astype(np.uint32),
            **({} if self.extras is None else self.extras.columns(first, stop)),
        }


QuestionColumns = dict[str, npt.NDArray[Any]]
"""The columns of questions in a message, by name."""


def columns_of(questions: Sequence[SealedQuestion]) -> QuestionColumns:
    """Return the columns of the ``questions``, in this order."""
    return {
        "cells": np.concatenate([sealed.cells for sealed in questions]),
        "lengths": np.concatenate([sealed.lengths for sealed in questions]),
        "totals": np.concatenate([sealed.totals for sealed in questions]),
        "widths": np.array([len(sealed.lengths) for sealed in questions], np.uint32),
        "deltas": np.array([sealed.delta for sealed in questions], np.uint32),
        "probe_costs": np.array([sealed.probe_cost for sealed in questions], np.uint32),
    }


def sizes_of(questions: Sequence[SealedQuestion]) -> npt.NDArray[np.int64]:
    """Return the bytes that each of the ``questions`` takes in a message."""
    if isinstance(questions, SealedQuestions):
        return questions.sizes()
    return np.array([sealed.nbytes for sealed in questions], np.int64)


def seal_question(env: Environment, question: int, generator: np.random.Generator) -> SealedQuestion:
    """Return ``question`` with each answer replaced by a newly drawn code."""
    branches = env.branches(question)
    depths = np.diff(env.probe_offsets[branches.start : branches.stop + 1])
    cells = answer_cells(env, question)
    present = np.unique(cells)
    present = present[present != ABSENT]
    meaning = np.concatenate(([ABSENT], generator.permutation(present))).astype(np.int32)
    code = np.zeros(int(meaning.max()) + 1, np.uint16)
    code[meaning] = np.arange(len(meaning))
    totals = env.total_tokens[branches.start : branches.stop].astype(np.uint32)
    lengths, extras = (depths + 1).astype(np.uint32), SealedExtras.of(env, question)
    return SealedQuestion(code[cells], lengths, totals, env.delta, env.probe_cost, meaning, extras)
