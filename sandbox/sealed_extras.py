"""What crosses the wall beside answers, as far as a candidate declares it: signals, scores of a verifier, forks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autotts.envs.declarations import Declarations, read_declarations
from autotts.envs.environment import ROOT, Environment
from autotts.envs.recordings import signal_cells, verifier_cells

if TYPE_CHECKING:
    from .sealing import SealedQuestion

Floats = npt.NDArray[np.float32]
Order = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class SealedExtras:
    """The recorded numbers and the forks of one sealed question; a cell is one answer of a branch."""

    signals: Mapping[str, Floats]
    """(C,) the numbers of each signal."""
    verifier: Floats | None = None
    """(C,) the scores; None without a verifier."""
    verify_cost: int = 0
    parents: npt.NDArray[np.int32] | None = None
    """(N,) the parent of each branch, `ROOT` for none; None without forks."""
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


def not_audited(source: str, environments: Sequence[Environment]) -> str:
    """Return what a candidate uses that the look-ahead audit cannot check yet, in words; "" if it can check all."""
    declared = declared_by(source)
    used = {
        "signals": any(declared.shown(env.signal_names) for env in environments),
        "verifiers": declared.verifier and any(env.verifier is not None for env in environments),
        "forks": declared.forks and any(env.parents is not None for env in environments),
    }
    return ", ".join(name for name, is_used in used.items() if is_used)


def seen_question(sealed: SealedQuestion, declarations: Declarations) -> SealedQuestion:
    """Return a question as it crosses the wall to a candidate: without all that it does not declare.

    Forks that are not declared are left out, and the roots are numbered anew (see `seen_order`).
    """
    extras = sealed.extras
    if extras is None:
        return sealed
    if extras.parents is None or declarations.forks:
        return replace(sealed, extras=extras.declared(declarations))
    root = extras.parents == ROOT
    cells = np.repeat(root, sealed.lengths)
    flat = SealedExtras(
        {name: column[cells] for name, column in extras.signals.items()},
        None if extras.verifier is None else extras.verifier[cells],
        extras.verify_cost,
    )
    return replace(
        sealed, cells=sealed.cells[cells], lengths=sealed.lengths[root], totals=sealed.totals[root],
        extras=flat.declared(declarations),
    )  # fmt: skip


def seen_order(order: Order, sealed: SealedQuestion, declarations: Declarations) -> Order:
    """Return the order of opening of a question's branches in the numbers of `seen_question`."""
    if sealed.extras is None or sealed.extras.parents is None or declarations.forks:
        return order
    root = sealed.extras.parents == ROOT
    numbers = np.cumsum(root) - 1
    return np.asarray(numbers[order[root[order]]], np.int32)


def columns(questions: Sequence[SealedQuestion]) -> dict[str, npt.NDArray[Any]]:
    """Return the columns of a message for the extras of ``questions``; none if no question has any."""
    extras = [sealed.extras for sealed in questions if sealed.extras is not None]
    if not extras:
        return {}
    numbers = [column for each in extras for column in (*each.signals.values(), each.verifier) if column is not None]
    forks = [(each.parents, each.fork_depths) for each in extras if each.parents is not None]
    return {
        "numbers": np.concatenate([np.zeros(0, np.float32), *numbers]),
        "parents": np.concatenate([np.zeros(0, np.int32), *(parents for parents, _ in forks)]),
        "fork_depths": np.concatenate([np.zeros(0, np.int32), *(d for _, d in forks if d is not None)]),
    }
