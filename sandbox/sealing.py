"""Seals questions: recorded branches with an opaque code in place of each answer, as they cross the wall."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from autotts.envs.recordings import answer_cells
from autotts.envs.store import ABSENT, Environment

from .sealed_extras import SealedExtras


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


class RecordedQuestions(Sequence[SealedQuestion]):
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
        self._environments, self._environment, self._question = environments, environment, question
        self._secret = secrets.randbits(128)

    def __len__(self) -> int:
        return len(self._question)

    @overload
    def __getitem__(self, index: int) -> SealedQuestion: ...
    @overload
    def __getitem__(self, index: slice) -> list[SealedQuestion]: ...

    def __getitem__(self, index: int | slice) -> SealedQuestion | list[SealedQuestion]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        index = range(len(self))[index]
        env = self._environments[int(self._environment[index])]
        return seal_question(env, int(self._question[index]), np.random.default_rng([self._secret, index]))

    def places(self) -> Iterator[tuple[Environment, int]]:
        """Yield the environment of each question, and its index there."""
        for e, q in zip(self._environment.tolist(), self._question.tolist(), strict=True):
            yield self._environments[e], q

    def widths(self) -> npt.NDArray[np.int64]:
        """Return (Q,) the number of branches of each question."""
        widths = np.zeros(len(self), np.int64)
        for e, env in enumerate(self._environments):
            mine = np.flatnonzero(self._environment == e)
            widths[mine] = np.diff(env.branch_offsets)[self._question[mine]]
        return widths

    def sizes(self) -> npt.NDArray[np.int64]:
        """Return (Q,) the bytes that each question takes in a message. No question is sealed."""
        sizes = np.zeros(len(self), np.int64)
        for e, env in enumerate(self._environments):
            mine = np.flatnonzero(self._environment == e)
            first, last = env.branch_offsets[self._question[mine]], env.branch_offsets[self._question[mine] + 1]
            cells = (env.probe_offsets[last] - env.probe_offsets[first]).astype(np.int64) + last - first
            numbers = len(env.signal_names) + (env.verifier is not None)
            sizes[mine] = (2 + 4 * numbers) * cells + (8 if env.parents is None else 16) * (last - first)
        return sizes


def sizes_of(questions: Sequence[SealedQuestion]) -> npt.NDArray[np.int64]:
    """Return the bytes that each of the ``questions`` takes in a message."""
    if isinstance(questions, RecordedQuestions):
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
