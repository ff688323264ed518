"""Takes the recorded branches of one question out of an environment, as columns and as a `Recording`."""

from __future__ import annotations

from array import array
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .contract.recording import Columns, Numbers, Recording
from .environment import ABSENT, Environment

Floats = npt.NDArray[np.float32]


def recording_of(env: Environment, question: int) -> Recording:
    """Return everything that is recorded of ``question``; a controller sees `Recording.seen_by` of it.

    The answers are the texts of the vocabulary, and None for an absent one.
    """
    branches = env.branches(question)
    lengths = env.probes[branches.start : branches.stop].astype(np.int64) + 1
    offsets = np.concatenate(([0], np.cumsum(lengths))).tolist()
    words: list[str | None] = list(env.vocabulary)
    words[ABSENT] = None
    cells = answer_cells(env, question).tolist()
    mine = slice(branches.start, branches.stop)
    signals = {name: Numbers(_floats(signal_cells(env, question, name)), offsets) for name in env.signal_names}
    return Recording(
        Columns([(word, False) for word in words], cells, offsets),
        env.total_tokens[mine].tolist(),
        env.delta,
        env.probe_cost,
        signals=signals,
        verifier=None if (scores := verifier_cells(env, question)) is None else Numbers(_floats(scores), offsets),
        verify_cost=env.verify_cost,
        parents=None if env.parents is None else env.parents[mine].tolist(),
        fork_depths=() if env.fork_depths is None else env.fork_depths[mine].tolist(),
        fork_rule=env.fork_rule,
    )


def answer_cells(env: Environment, question: int) -> npt.NDArray[np.int32]:
    """Return the answers of a question, branch after branch: of each its probe answers, and then its final answer."""
    return _joined(env, question, env.probe_answers, env.final_answers, np.zeros(1, np.int32))


def signal_cells(env: Environment, question: int | None, name: str) -> Floats:
    """Return the signal ``name`` of a question in the same form; NaN where the environment has none.

    Without a question, the column has the numbers of all branches.
    """
    return _joined(env, question, env.signals.get(name), env.final_signals.get(name), np.full(1, np.nan, np.float32))


def verifier_cells(env: Environment, question: int | None) -> Floats | None:
    """Return the scores of the verifier in the same form; None without a verifier."""
    if env.verifier is None:
        return None
    return _joined(env, question, env.verifier, env.final_verifier, np.full(1, np.nan, np.float32))


_Number = TypeVar("_Number", bound=np.generic)


def _joined(
    env: Environment,
    question: int | None,
    probes: npt.NDArray[_Number] | None,
    finals: npt.NDArray[_Number] | None,
    absent: npt.NDArray[_Number],
) -> npt.NDArray[_Number]:
    """Return the numbers of probes and of finished branches as one column; ``absent`` where there is no column."""
    branches = range(len(env.final_answers)) if question is None else env.branches(question)
    start, stop = int(env.probe_offsets[branches.start]), int(env.probe_offsets[branches.stop])
    cells = np.empty(stop - start + len(branches), absent.dtype)
    final = np.zeros(len(cells), bool)
    final[np.cumsum(env.probes[branches.start : branches.stop].astype(np.int64) + 1) - 1] = True
    cells[final] = absent if finals is None else finals[branches.start : branches.stop]
    cells[~final] = absent if probes is None else probes[start:stop]
    return cells


def _floats(cells: Floats) -> array[float]:
    return array("f", cells.astype(np.float32).tobytes())
