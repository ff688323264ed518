"""Makes sure that every audited episode differs from its recording somewhere that its log did not reveal.

The other draws of `sandbox.audit.decoys` may by chance give the recording: every cell stays true, or a decoy equals
the cell that it replaces. A candidate that looks ahead in such an episode would see what it saw before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class HiddenCells:
    """The H cells of the questions that a candidate gets that its log did not reveal, row by row."""

    at: Ints
    """(H,) their places among all cells."""
    row: Ints
    """(H,) the branch of each."""
    depth: Ints
    """(H,) the place of each in its branch."""
    truth: npt.NDArray[np.uint16]
    """(H,) the code of each as recorded."""


@dataclass(frozen=True)
class ComparedRows:
    """The R branches that a candidate gets, episode by episode."""

    first: Ints
    """(E + 1,) the first row of each episode."""
    advanced: Ints
    """(R,) intervals that the branch ran according to the log."""
    differs: Bools
    """(R,) whether its length differs from that of the recorded branch."""


def ensure_difference(
    codes: npt.NDArray[np.uint16], hidden: HiddenCells, rows: ComparedRows, width: int, generator: np.random.Generator
) -> None:
    """Change cells of ``codes`` in each episode in which no hidden cell differs from the recording. In place.

    The changed cells are those of one random branch, from a random depth on, so that they look like any other decoy. An
    episode whose log revealed every cell stays as it is: there is nothing to look at.

    Args:
        codes: (C,) the codes of the cells that the candidate gets, 0 for an absent answer.
        hidden: the cells that the log did not reveal.
        rows: the branches.
        width: the largest code.
        generator: the source of all random draws.
    """
    changed = rows.differs.copy()
    changed[hidden.row[codes[hidden.at] != hidden.truth]] = True
    sizes = np.bincount(hidden.row, minlength=len(changed))
    starts = np.cumsum(sizes) - sizes
    same = np.add.reduceat(changed, rows.first[:-1]) == 0 if len(changed) else np.zeros(0, bool)
    some = np.add.reduceat(sizes, rows.first[:-1]) > 0 if len(changed) else same
    for e in np.flatnonzero(same & some).tolist():
        branches = np.arange(rows.first[e], rows.first[e + 1])
        branch = int(generator.choice(branches[sizes[branches] > 0]))
        cells = np.arange(starts[branch], starts[branch] + sizes[branch])
        later = cells[hidden.depth[cells] >= rows.advanced[branch]]
        if len(later):
            cells = later[generator.integers(len(later)) :]
        codes[hidden.at[cells]] = _others(hidden.truth[cells], width, generator)


def _others(codes: npt.NDArray[np.uint16], width: int, generator: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Return another code for each, in [1, width]. Equal codes stay equal."""
    shift = int(generator.integers(1, width))
    moved = (codes.astype(np.int64) - 1 + shift) % width + 1
    return np.where(codes == 0, 1 + shift, moved).astype(np.uint16)
