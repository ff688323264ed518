"""Fills the cells of the questions that an audit plays: millions of them, so that each operation on them counts.

A *piece* is a range of cells of one row, all of which are recorded ones or all of which are decoys.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import PROBE, STEP
from autotts.envs.episodes import ranges

from .revealed import BranchEntries

_BLOCK = 1 << 16
"""Cells that are filled at a time: their numbers fit into the processor's cache."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class CellSources:
    """Where the cells of R branches come from; cells are numbered through all branches of all environments."""

    at: Ints
    """(R + 1,) the first cell of each branch among those that are filled, and their number."""
    episode: Ints
    """(R,)"""
    real: Ints
    """(R,) the first cell of the recorded branch."""
    donor: Ints
    """(R,) the first cell of the branch whose cells are decoys."""
    last: Ints
    """(R,) the last cell of that branch, which is used again where there is no further one."""


@dataclass(frozen=True)
class CellPieces:
    """S pieces, in order, none of them empty."""

    at: Ints
    """(S + 1,) the first cell of each piece, and the number of cells."""
    row: Ints
    """(S,) the branch of each."""
    shown: Bools
    """(S,) whether its cells are recorded ones."""


def revealed_spans(done: BranchEntries, start: Ints) -> tuple[Ints, Ints]:
    """Return the first cell that each entry of the logs reveals, and the cell after its last.

    Args:
        done: the entries.
        start: (I,) the first cell of the branch of each.
    """
    stepped, probed = done.verb == STEP, done.verb == PROBE
    useful = np.flatnonzero(stepped | probed | done.ended)
    before, after, stepped, probed = done.before[useful], done.after[useful], stepped[useful], probed[useful]
    first = np.where(stepped, before, np.where(probed, before - 1, after - 1))
    return start[useful] + first, start[useful] + np.where(probed, before, after)


def add_spans(edges: npt.NDArray[np.int32], first: Ints, stop: Ints) -> None:
    """Count the spans ``first:stop`` of cells in ``edges``: how many more begin than end at each cell. In place."""
    np.add.at(edges, first, np.int32(1))
    np.subtract.at(edges, stop, np.int32(1))


def covered(edges: npt.NDArray[np.int32]) -> Bools:
    """Return whether a span covers each cell; the last of ``edges`` is no cell."""
    found: Bools = np.cumsum(edges[:-1], dtype=np.int32) > 0
    return found


def pieces_of_starts(at: Ints, known: Ints) -> CellPieces:
    """Return the pieces of rows whose first ``known`` (R,) cells are recorded ones; ``at`` as in `CellSources`."""
    sizes = np.stack([known, np.diff(at) - known], axis=1).ravel()
    used = np.flatnonzero(sizes > 0)
    return CellPieces(np.concatenate(([0], np.cumsum(sizes[used]))), used >> 1, (used & 1) == 0)


def pieces_of_cells(at: Ints, shown: Bools) -> CellPieces:
    """Return the pieces of rows in which ``shown`` (C,) says which cells are recorded ones."""
    begins = np.ones(len(shown), bool)
    np.not_equal(shown[1:], shown[:-1], out=begins[1:])
    begins[at[:-1]] = True  # a row has at least one cell
    first = np.flatnonzero(begins)
    return CellPieces(np.append(first, len(shown)), np.searchsorted(at, first, side="right") - 1, shown[first])


def decoy_codes(
    sources: CellSources, pieces: CellPieces, cells: npt.NDArray[np.uint16], table: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint16]:
    """Return (C,) the codes of all cells.

    Args:
        sources: where they come from.
        pieces: which of them are recorded ones.
        cells: the answers of all recorded cells.
        table: (E, 2, W) the codes of the answers in decoys, and in true cells, of each episode.
    """
    at, row, width = pieces.at, pieces.row, table.shape[2]
    sizes = np.diff(at)
    shift = np.where(pieces.shown, sources.real[row], sources.donor[row]) - sources.at[row]
    place = (2 * sources.episode[row] + pieces.shown) * width
    codes, flat = np.empty(int(at[-1]), np.uint16), table.ravel()
    edges = np.searchsorted(at, np.arange(_BLOCK, int(at[-1]), _BLOCK)).tolist()
    for first, stop in zip([0, *edges], [*edges, len(sizes)], strict=True):
        here = slice(first, stop)
        start, end = int(at[first]), int(at[stop])
        number = np.repeat(shift[here], sizes[here])
        number += np.arange(start, end)
        where = np.repeat(place[here], sizes[here])
        where += cells.take(number, mode="clip")  # further cells than there are: see `_repeat_last`
        codes[start:end] = flat[where]
    _repeat_last(codes, sources, pieces, cells, flat, width)
    return codes


def _repeat_last(
    codes: npt.NDArray[np.uint16], sources: CellSources, pieces: CellPieces, cells: npt.NDArray[np.uint16],
    flat: npt.NDArray[np.uint16], width: int,
) -> None:  # fmt: skip
    """Give the cells beyond the end of the branch that lends them the code of its last cell. In place."""
    row, ends = pieces.row, pieces.at[1:]
    enough = sources.at[row] + sources.last[row] - sources.donor[row] + 1
    beyond = np.flatnonzero((enough < ends) & ~pieces.shown)
    row = row[beyond]
    code = flat[2 * width * sources.episode[row] + cells[sources.last[row]]]
    first = np.maximum(pieces.at[beyond], enough[beyond])
    codes[ranges(first, ends[beyond])] = np.repeat(code, ends[beyond] - first)
