"""What crosses the wall beside answers, as far as a candidate declares it: signals, scores of a verifier, forks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.declarations import Declarations, read_declarations
from autotts.envs.environment import Environment
from autotts.envs.recordings import signal_cells, verifier_cells

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SealedExtras:
    """The recorded numbers and the forks of one sealed question; a cell is one answer of a branch."""

    signals: Mapping[str, Floats]
    """(C,) the numbers of each signal."""
    verifier: Floats | None = None
    """(C,) the scores; None without a verifier."""
    verify_cost: int = 0
    parents: npt.NDArray[np.int32] | None = None
    """(N,) the parent of each branch, -1 for none; None without forks."""
    fork_depths: npt.NDArray[np.int32] | None = None
    """(N,) the intervals that each shares with its parent."""
    fork_rule: str = "recorded"

    @classmethod
    def of(cls, env: Environment, question: int) -> SealedExtras | None:
        """Return what a question has beside answers; None if it has nothing."""
        if not env.signal_names and env.verifier is None and env.parents is None:
            return None
        mine = slice(env.branches(question).start, env.branches(question).stop)
        return cls(
            {name: signal_cells(env, question, name) for name in env.signal_names},
            verifier_cells(env, question),
            env.verify_cost,
            None if env.parents is None else env.parents[mine],
            None if env.fork_depths is None else env.fork_depths[mine],
            env.fork_rule,
        )

    @property
    def nbytes(self) -> int:
        """Bytes that all of it takes in a message."""
        columns = (*self.signals.values(), self.verifier, self.parents, self.fork_depths)
        return sum(column.nbytes for column in columns if column is not None)

    def declared(self, declarations: Declarations) -> SealedExtras | None:
        """Return the part that a controller declares; None if that is nothing. It declares forks, or there are none."""
        names, verifies = declarations.shown(self.signals), bool(declarations.verifier) and self.verifier is not None
        if not names and not verifies and self.parents is None:
            return None
        scores, cost = (self.verifier, self.verify_cost) if verifies else (None, 0)
        return replace(self, signals={name: self.signals[name] for name in names}, verifier=scores, verify_cost=cost)

    def header(self) -> dict[str, Any]:
        """Return what the worker must know to read the columns: see `columns`."""
        head: dict[str, Any] = {"signals": list(self.signals)}
        if self.verifier is not None:
            head["verify_cost"] = self.verify_cost
        if self.parents is not None:
            head["fork_rule"] = self.fork_rule
        return head


def declared_by(source: str) -> Declarations:
    """Return what a candidate declares; nothing for a source that the policy refuses."""
    try:
        return read_declarations(source)
    except (ValueError, SyntaxError, RecursionError, MemoryError):  # it is seen when it is loaded
        return Declarations()
