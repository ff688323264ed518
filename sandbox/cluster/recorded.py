"""Recorded environments in the object store of a cluster: sent once, and read on the nodes in place.

The codes of a question's answers are drawn when it is sent. A run draws other codes for them and sends only the
table from the one to the other, so that the codes of each run are new, as they are with `SealedBatch.of`. What a code
means stays on the host.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.store import Environment

from ..sealing import SealedQuestion, seal_question
from .link import ClusterLink
from .messages import QuestionBlock

_BLOCK_CELLS = 1 << 22
"""Cells of a block, so that a node holds little more than its shares need."""


@dataclass(frozen=True, slots=True)
class StoredQuestion:
    """Where a recorded question is in the object store, and what its codes there mean."""

    block: int
    """Key of the block."""
    number: int
    """Of the question in its block."""
    meaning: npt.NDArray[np.int32]
    """The answer for each code; it stays on the host."""


class RecordedEnvironments:
    """The environments that a cluster has, by their content.

    Args:
        link: the cluster.
    """

    def __init__(self, link: ClusterLink) -> None:
        self._link, self._lock = link, threading.Lock()
        self._questions: dict[str, list[StoredQuestion]] = {}

    def questions(self, environment: Environment) -> Sequence[StoredQuestion]:
        """Return the questions of an environment, which is sent if the cluster does not have it yet."""
        with self._lock:
            key = environment.hash
            if key not in self._questions:
                self._questions[key] = [found for block in _blocks(environment) for found in self._send(*block)]
            return self._questions[key]

    def _send(self, environment: Environment, numbers: range) -> Iterator[StoredQuestion]:
        seed, meanings = secrets.randbits(128), list[npt.NDArray[np.int32]]()

        def make() -> QuestionBlock:
            sealed = _sealed(environment, numbers, seed)
            meanings[:] = [question.meaning for question in sealed]
            return QuestionBlock.of(sealed)

        block = self._link.add_block(make)
        for number, meaning in enumerate(meanings):
            yield StoredQuestion(block, number, meaning)


def fresh_codes(
    meaning: npt.NDArray[np.int32], generator: np.random.Generator
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """Draw new codes for a question.

    Args:
        meaning: (K,) the answer for each code of the block; the first is the absent one, and stays the first.
        generator: draws them; of the run.

    Returns:
        (K,) the new code for each code of the block, and (K,) the answer for each new code.
    """
    codes = np.zeros(len(meaning), np.uint16)
    codes[1:] = 1 + generator.permutation(len(meaning) - 1)
    drawn = np.empty_like(meaning)
    drawn[codes] = meaning
    return codes, drawn


def _blocks(environment: Environment) -> Iterator[tuple[Environment, range]]:
    """Yield ranges of questions, each with `_BLOCK_CELLS` cells or a little more."""
    ends = environment.probe_offsets[environment.branch_offsets[1:]] + environment.branch_offsets[1:]
    first = 0
    while first < len(environment):
        before = int(ends[first - 1]) if first else 0
        last = int(np.searchsorted(ends, before + _BLOCK_CELLS)) + 1
        last = min(max(last, first + 1), len(environment))
        yield environment, range(first, last)
        first = last


def _sealed(environment: Environment, numbers: range, seed: int) -> list[SealedQuestion]:
    generator = np.random.default_rng(seed)
    return [seal_question(environment, number, generator) for number in numbers]
