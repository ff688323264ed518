"""Fills the cells of the questions that an audit plays: millions of them, so that each operation on them counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import PROBE, STEP
from autotts.envs.log_entries import LogEntries

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


def revealed_spans(done: LogEntries, start: Ints) -> tuple[Ints, Ints]:
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
    np.add.at(edges, first, 1)
    np.subtract.at(edges, stop, 1)


def covered(edges: npt.NDArray[np.int32]) -> Bools:
    """Return whether a span covers each cell; the last of ``edges`` is no cell."""
    found: Bools = np.cumsum(edges[:-1], dtype=np.int32) > 0
    return found


def decoy_codes(
    sources: CellSources, shown: Bools, cells: npt.NDArray[np.uint16], table: npt.NDArray[np.uint16]
) -> npt.NDArray[np.uint16]:
    """Return (C,) the codes of all cells.

    Args:
        sources: where they come from.
        shown: (C,) whether each is the recorded one; a decoy otherwise.
        cells: the answers of all recorded cells.
        table: (E, 2, W) the codes of the answers in decoys, and in true cells, of each episode.
    """
    at, width = sources.at, table.shape[2]
    codes = np.empty(int(at[-1]), np.uint16)
    flat, row, edges = table.ravel(), 0, np.arange(0, int(at[-1]), _BLOCK)
    stops = np.unique(np.append(np.searchsorted(at, edges[1:]), len(at) - 1)).tolist()
    for stop in stops:
        here = slice(row, stop)
        first, end = int(at[row]), int(at[stop])
        sizes, true = np.diff(at[row : stop + 1]), shown[first:end]
        number = np.arange(first, end)
        lent = np.repeat(sources.donor[here] - at[here], sizes)
        lent += number
        np.minimum(lent, np.repeat(sources.last[here], sizes), out=lent)
        number += np.repeat(sources.real[here] - at[here], sizes)
        np.copyto(lent, number, where=true)
        place = np.repeat(sources.episode[here] * (2 * width), sizes)
        place += cells[lent]
        place += true * np.int64(width)
        codes[first:end] = flat[place]
        row = stop
    return codes
