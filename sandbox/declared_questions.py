"""Makes of sealed questions what crosses the wall to one candidate: nothing of them that it does not declare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.declarations import Declarations
from autotts.envs.environment import ROOT

from .sealed_extras import SealedExtras
from .sealing import SealedQuestion

Order = npt.NDArray[np.int32]


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


def heads(questions: Sequence[SealedQuestion], declarations: Declarations) -> list[dict[str, Any] | None]:
    """Return what a worker must know of each question to read `columns`; None where it has answers alone."""
    extras = (seen_question(sealed, declarations).extras for sealed in questions)
    return [None if each is None else each.header() for each in extras]
