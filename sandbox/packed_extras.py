"""Signals, scores and forks of many sealed questions in a few columns (see `PackedQuestions`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.declarations import Declarations
from autotts.envs.environment import Environment

from .sealed_extras import Floats, SealedExtras

Ints = npt.NDArray[np.int64]
Head = dict[str, Any]
"""What a worker must know of a question to read its columns: see `SealedExtras.header`."""


@dataclass(frozen=True)
class PackedExtras:
    """What Q questions have beside answers, and a candidate declares."""

    heads: list[Head | None]
    """None for a question that has answers alone."""
    numbers: Floats
    """Of each question the numbers of its signals, then its scores."""
    number_at: Ints
    """(Q + 1,) the first of them for each question, and their number."""
    parents: npt.NDArray[np.int32]
    """Of each question with forks the parent of each branch, -1 for none."""
    fork_depths: npt.NDArray[np.int32]
    fork_at: Ints
    """(Q + 1,) the first of both for each question, and their number."""

    @classmethod
    def of(
        cls, heads: list[Head | None], numbers: Sequence[Floats], parents: Ints, depths: Ints, branches: Ints
    ) -> PackedExtras:
        """Return the extras of questions.

        Args:
            heads: of each question.
            numbers: the columns of the questions, one question after another.
            parents: (N,) the parent of each branch, of questions without forks, too.
            depths: (N,) the intervals that each branch shares with it.
            branches: (Q + 1,) the first branch of each question, and N.
        """
        sizes = iter([column.size for column in numbers if column.size])
        each = [sum(next(sizes) for _ in range(_columns(head))) for head in heads]
        forked = np.array([head is not None and "fork_rule" in head for head in heads], bool)
        widths = np.diff(branches)
        mine = np.repeat(forked, widths)
        return cls(
            heads,
            np.concatenate(numbers),
            np.concatenate(([0], np.cumsum(each, dtype=np.int64))),
            parents[mine].astype(np.int32),
            depths[mine].astype(np.int32),
            np.concatenate(([0], np.cumsum(widths * forked))),
        )

    def sizes(self) -> Ints:
        """Return (Q,) the bytes of each question in a message."""
        sizes: Ints = 4 * np.diff(self.number_at) + 8 * np.diff(self.fork_at)
        return sizes

    def columns(self, first: int, stop: int) -> dict[str, npt.NDArray[Any]]:
        """Return the columns of a message for the questions ``first:stop``; none if they have answers alone."""
        if all(head is None for head in self.heads[first:stop]):
            return {}
        forks = slice(int(self.fork_at[first]), int(self.fork_at[stop]))
        return {
            "numbers": self.numbers[int(self.number_at[first]) : int(self.number_at[stop])],
            "parents": self.parents[forks],
            "fork_depths": self.fork_depths[forks],
        }

    def extras(self, i: int) -> SealedExtras | None:
        """Return the extras of one question."""
        head = self.heads[i]
        if head is None:
            return None
        columns = self.columns(i, i + 1)
        parts = np.split(columns["numbers"], _columns(head)) if _columns(head) else []
        forked = "fork_rule" in head
        return SealedExtras(
            dict(zip(head["signals"], parts, strict=False)),
            parts[-1] if "verify_cost" in head else None,
            head.get("verify_cost", 0),
            columns["parents"] if forked else None,
            columns["fork_depths"] if forked else None,
            head.get("fork_rule", "recorded"),
        )


def _columns(head: Head | None) -> int:
    return 0 if head is None else len(head["signals"]) + ("verify_cost" in head)


def heads_of(environments: Sequence[Environment], declared: Declarations) -> list[Head | None]:
    """Return what a worker must know of the questions of each environment, as a candidate sees them."""
    heads: list[Head | None] = []
    for env in environments:
        head: Head = {"signals": list(declared.shown(env.signal_names))}
        if declared.verifier and env.verifier is not None:
            head["verify_cost"] = env.verify_cost
        if declared.forks and env.parents is not None:
            head["fork_rule"] = env.fork_rule
        heads.append(head if len(head) > 1 or head["signals"] else None)
    return heads
