"""Joins the rows of roots and of forks of the questions of an audit, and says where each of their cells comes from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import VERIFY
from autotts.envs.episodes import ranges

from .cells import add_spans, covered, revealed_spans
from .revealed import BranchEntries
from .rows import DecoyRows
from .tables import Bools, Ints, RecordedTables
from .tree import DrawnTree

Places = npt.NDArray[np.int32] | npt.NDArray[np.int64]


@dataclass(frozen=True)
class MergedRows:
    """The R rows of E questions, question by question: first the roots, then the forks. Columns are (R,)."""

    first: Ints
    """(E + 1,) the first row of each question, and R."""
    parent: Ints
    """The row from which a row is forked, among all; -1 for a root."""
    start: Ints
    """Intervals that it shares with its parent."""
    real: Ints
    """The recorded branch whose cells are its true ones."""
    donor: Ints
    advanced: Ints
    true_cells: Ints
    length: Ints
    total: Ints
    recorded: Ints
    """The recorded branch in whose place it is opened."""
    compared: Bools
    """Whether there is one for certain."""
    roots: Ints
    """The rows of the roots, in the order of `DecoyRows`."""

    @cached_property
    def at(self) -> Ints:
        """(R + 1,) the first cell of each row, and the number of cells."""
        return np.concatenate(([0], np.cumsum(self.length)))

    @cached_property
    def episode(self) -> Ints:
        """(R,)"""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    @cached_property
    def row(self) -> Places:
        """(C,) the row of each cell."""
        return np.repeat(np.arange(len(self.length), dtype=np.int32), self.length)

    @cached_property
    def depth(self) -> Places:
        """(C,) the place of each cell in its row."""
        return (np.arange(int(self.at[-1])) - self.at[self.row]).astype(np.int32)

    @cached_property
    def own(self) -> Bools:
        """(C,) whether the row does not share the cell with its parent."""
        return np.asarray(self.depth >= self.start[self.row])

    def source(self, branch: Ints, tables: RecordedTables) -> Ints:
        """Return (C,) the recorded cell of ``branch`` (R,) at each cell; of shorter branches, the last one."""
        return np.asarray((tables.starts[branch])[self.row] + np.minimum(self.depth, tables.probes[branch][self.row]))

    def share(self, column: npt.NDArray[np.uint16] | npt.NDArray[np.float32]) -> None:
        """Give forks the cells of ``column`` (C,) that they share with their parents. In place."""
        waiting = self.parent >= 0
        while waiting.any():  # parents first
            ready = np.flatnonzero(waiting & ~waiting[self.parent])
            cells = ranges(self.at[ready], self.at[ready] + self.start[ready])
            shift = np.repeat(self.at[self.parent[ready]] - self.at[ready], self.start[ready])
            column[cells] = column[cells + shift]
            waiting[ready] = False

    def verified(self, entries: BranchEntries, row: Ints) -> Bools:
        """Return (C,) whether each cell was verified, from entries and (I,) the ``row`` of each."""
        cells = np.zeros(int(self.at[-1]), bool)
        done = np.flatnonzero(entries.verb == VERIFY)
        cells[self.at[row[done]] + entries.after[done] - 1] = True
        return cells

    def shown(self, entries: BranchEntries, row: Ints) -> Bools:
        """Return (C,) whether entries show the answer of each cell; ``row`` (I,) is the row of each entry."""
        edges = np.zeros(int(self.at[-1]) + 1, np.int32)
        add_spans(edges, *revealed_spans(entries, self.at[row]))
        return covered(edges)


def merged(rows: DecoyRows, recorded: Ints, compared: Bools, trees: dict[int, DrawnTree]) -> MergedRows:
    """Return the rows of the roots, and those of the ``trees`` of some of the episodes.

    Args:
        rows: the rows of the roots.
        recorded: (rows,) see `MergedRows`.
        compared: (rows,) the same.
        trees: the forks of some episodes.
    """
    E = len(rows.first) - 1
    forks = np.zeros(E, np.int64)
    for e, tree in trees.items():
        forks[e] = len(tree.rows)
    roots = np.diff(rows.first)
    first = np.concatenate(([0], np.cumsum(roots + forks)))
    place = np.arange(int(rows.first[-1])) + (first[:-1] - rows.first[:-1])[rows.episode]
    R = int(first[-1])
    parent, start, real, donor, advanced, true_cells, length, total, of = np.zeros((9, R), np.int64)
    parent[:] = -1
    new = MergedRows(
        first, parent, start, real, donor, advanced, true_cells, length, total, of, np.zeros(R, bool), place
    )  # fmt: skip
    columns = (
        (new.real, rows.real), (new.donor, rows.donor), (new.advanced, rows.advanced), (new.length, rows.length),
        (new.true_cells, rows.true_cells), (new.total, rows.total), (new.recorded, recorded), (new.compared, compared),
    )  # fmt: skip
    for column, values in columns:
        column[place] = values
    for e, tree in trees.items():
        base, at = int(first[e]), int(first[e] + roots[e])
        for row, fork in enumerate(tree.rows, at):
            parent[row], start[row], donor[row] = base + fork.parent, fork.start, fork.donor
            real[row] = of[row] = max(fork.branch, 0)
            advanced[row], true_cells[row] = fork.advanced, fork.true_cells
            length[row], total[row], new.compared[row] = fork.length, fork.total, fork.branch >= 0
    return new
