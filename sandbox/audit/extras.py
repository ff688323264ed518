"""Adds signals, scores and forks to the questions that an audit plays, as far as the candidate declares them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

from autotts.envs.declarations import Declarations
from autotts.envs.environment import Environment
from autotts.envs.episodes import Episodes, ranges

from ..packed_extras import PackedExtras, heads_of
from .difference import ComparedRows, HiddenCells, ensure_difference
from .merged import MergedRows, merged
from .numbers import NumberDrawing, NumberSources
from .revealed import RevealedLogs
from .rows import DecoyRows
from .tables import Bools, Ints, RecordedTables
from .tree import DrawnTree, ForkContents, RanFork, TreeDrawing

Codes = npt.NDArray[np.uint16]
Orders = list[npt.NDArray[np.int32]]


@dataclass(frozen=True)
class RootDraw:
    """What was drawn of E questions without signals, scores and forks: C cells of R rows."""

    rows: DecoyRows
    codes: Codes
    """(C,) the codes of all cells."""
    shown: Bools
    """(C,) whether each is the recorded one."""
    revealed: Bools
    """(C,) whether the log shows its answer."""
    recorded: Ints
    """(R,) the recorded branch in whose place each row is opened."""
    compared: Bools
    """(R,) whether there is one for certain."""
    true: Ints
    """(E,) the rows of each question that are recorded branches."""
    orders: Orders
    """The order of opening of each question."""
    lender: Ints
    """(E,) the question that lends its cells."""
    table: Codes
    """(E, 2, W) the codes of answers in decoys, and in true cells."""
    exchanged: Ints
    """(E, 2) see `DrawnCodes`."""
    shifted: Bools
    """(E,) whether the decoys of each row are shifted by a number of its own."""
    passed: Bools
    """(E,) whether the cells that branches advanced over without a probe stay true."""


@dataclass(frozen=True)
class WholeDraw:
    """The questions with all that the candidate declares."""

    rows: MergedRows
    codes: Codes
    orders: Orders
    extras: PackedExtras


class ExtrasDrawing:
    """Draws what questions have beside answers.

    Args:
        environments: the environments of the batch.
        declared: what the candidate declares.
        tables: the recorded branches.
    """

    def __init__(self, environments: Sequence[Environment], declared: Declarations, tables: RecordedTables) -> None:
        self._tables = tables
        self.forked = np.array([bool(declared.forks) and env.parents is not None for env in environments])
        self._numbers = NumberDrawing(environments, declared, tables)
        self._heads = heads_of(environments, declared)
        self.used = any(head is not None for head in self._heads)
        """Whether the candidate gets anything but answers."""

    def draw(
        self, episodes: Episodes, seen: RevealedLogs, root: RootDraw, generator: np.random.Generator
    ) -> WholeDraw:  # fmt: skip
        """Return the questions of ``episodes``, whose logs reveal ``seen``."""
        env = episodes.environment.astype(np.int64)
        trees, orders = {}, list(root.orders)
        for e in seen.watched:
            tree = trees[e] = self._tree(episodes, e, seen, root, Random(generator.bytes(16)))
            roots = int(root.rows.first[e + 1] - root.rows.first[e])
            orders[e] = np.concatenate((orders[e], np.array(tree.order, np.int32) + np.int32(roots)))
        rows = merged(root.rows, root.recorded, root.compared, trees)
        codes, sources = self._cells(episodes, seen, root, rows, trees, generator)
        rows.share(codes)
        drawn = [
            self._numbers.draw(column, rows, sources, env, root.lender, generator) for column in self._numbers.columns
        ]
        ends, numbers = rows.at[rows.first].tolist(), [np.zeros(0, np.float32)]
        for e, which in enumerate(env.tolist()):
            there = (found for column, found in zip(self._numbers.columns, drawn, strict=True) if column.there[which])
            numbers += [found[ends[e] : ends[e + 1]] for found in there]
        parents = np.where(rows.parent < 0, -1, rows.parent - rows.first[rows.episode])
        heads = [self._heads[which] for which in env.tolist()]
        extras = PackedExtras.of(heads, numbers, parents, rows.start, rows.first)
        return WholeDraw(rows, codes, orders, extras)

    def _tree(self, episodes: Episodes, e: int, seen: RevealedLogs, root: RootDraw, chance: Random) -> DrawnTree:
        tables, B, watcher = self._tables, episodes.max_branches, seen.watched[e]
        which, first = int(episodes.environment[e]), int(root.rows.first[e])
        contents = ForkContents(
            tables, int(root.lender[e]), (int(root.exchanged[e, 0]), int(root.exchanged[e, 1])),
            int(tables.delta[which]), chance,
        )  # fmt: skip
        ran: dict[int, RanFork] = {}
        for new in watcher.origin:
            assert seen.forks is not None
            key = e * B + new
            held = bool(seen.forks.refused[key] >= 0)
            ran[new] = RanFork(int(seen.forks.advanced[key]), bool(seen.forks.finished[key]), held)
        lengths = root.rows.length[first : int(root.rows.first[e + 1])].tolist()
        branches = root.rows.real[first : first + int(root.true[e])].tolist()
        base = int(tables.bases[which])
        return TreeDrawing(watcher, branches, lengths, len(root.orders[e]), B, base, chance, contents, ran).draw()

    def _cells(
        self, episodes: Episodes, seen: RevealedLogs, root: RootDraw, rows: MergedRows, trees: dict[int, DrawnTree],
        generator: np.random.Generator,
    ) -> tuple[Codes, NumberSources]:  # fmt: skip
        """Return the codes of all cells, but those that forks share, and where the cells come from."""
        tables, B, env = self._tables, episodes.max_branches, episodes.environment
        entries = seen.roots.entries
        # an entry of a branch that was only opened shows nothing, and may have no row: any other row will do
        most = np.diff(root.rows.first)[entries.episode] - 1
        owner = rows.first[entries.episode] + np.minimum(entries.key % B, most)
        verified = rows.verified(entries, owner)
        real, lent = rows.source(rows.real, tables), rows.source(rows.donor, tables)
        place = ranges(rows.at[rows.roots], rows.at[rows.roots + 1])
        codes = np.zeros(int(rows.at[-1]), np.uint16)
        shown, revealed = np.zeros(len(codes), bool), np.zeros(len(codes), bool)
        codes[place], shown[place], revealed[place] = root.codes, root.shown, root.revealed
        of_fork = np.flatnonzero((rows.parent >= 0)[rows.row] & rows.own)
        if len(of_fork):
            row = rows.row[of_fork]
            episode, ran = rows.episode[row], rows.depth[of_fork] < rows.advanced[row]
            free = tables.price[env][episode] == 0
            if seen.forks is not None:
                owner = self._fork_rows(seen, rows, trees, B)[seen.forks.entries.key]
                verified |= rows.verified(seen.forks.entries, owner)
                revealed[of_fork] = rows.shown(seen.forks.entries, owner)[of_fork]
            revealed[of_fork] |= ran & free
            kept = (rows.depth[of_fork] < rows.true_cells[row]) | (ran & root.passed[episode])
            shown[of_fork] = revealed[of_fork] | kept
            true = shown[of_fork]
            answer = tables.cells[np.where(true, real[of_fork], lent[of_fork])]
            codes[of_fork] = root.table[episode, true.astype(np.int64), answer]
            self._shift(codes, of_fork[~true], rows, root.shifted, generator)
        sources = NumberSources(real, lent, rows.source(rows.recorded, tables), shown, revealed, verified)
        if len(of_fork):
            self._ensure_difference(codes, of_fork, rows, sources, root.table, generator)
        return codes, sources

    def _fork_rows(self, seen: RevealedLogs, rows: MergedRows, trees: dict[int, DrawnTree], B: int) -> Ints:
        """Return (E * B,) the row of each fork, by episode x max_branches + its number by opening."""
        assert seen.forks is not None
        found = np.zeros(len(seen.forks.advanced), np.int64)
        for e, tree in trees.items():
            first = int(rows.first[e + 1]) - len(tree.rows)
            for at, row in enumerate(tree.rows, first):
                if row.opened >= 0:
                    found[e * B + row.opened] = at
        return found

    def _shift(
        self, codes: Codes, cells: Ints, rows: MergedRows, shifted: Bools, generator: np.random.Generator
    ) -> None:  # fmt: skip
        """Shift decoys of forks by a number of its own for each row, in the episodes ``shifted``. In place."""
        width = self._tables.codes.width
        shift = generator.integers(0, width, len(rows.start)) * shifted[rows.episode]
        found = codes[cells].astype(np.int64)
        moved = (found - 1 + shift[rows.row[cells]]) % width + 1
        codes[cells] = np.where(found == 0, 0, moved)

    def _ensure_difference(
        self, codes: Codes, of_fork: Ints, rows: MergedRows, sources: NumberSources, table: Codes,
        generator: np.random.Generator,
    ) -> None:  # fmt: skip
        """Change cells of forks in each episode whose forks are all as recorded. In place."""
        tables = self._tables
        forks = np.flatnonzero(rows.parent >= 0)
        number = np.zeros(len(rows.parent), np.int64)
        number[forks] = np.arange(len(forks))
        episode = rows.episode[forks]
        first = np.flatnonzero(np.diff(episode, prepend=-1))
        recorded = rows.recorded[forks]
        whole = np.maximum(tables.probes[recorded], rows.start[forks]) + 1
        differs = ~rows.compared[forks] | (rows.length[forks] != whole) | (rows.total[forks] != tables.totals[recorded])
        hidden = of_fork[~sources.revealed[of_fork] & rows.compared[rows.row[of_fork]]]
        row = rows.row[hidden]
        truth = table[rows.episode[row], 1, tables.cells[sources.recorded[hidden]]]
        ensure_difference(
            codes,
            HiddenCells(hidden, number[row], np.asarray(rows.depth[hidden], np.int64), truth),
            ComparedRows(np.append(first, len(forks)), rows.advanced[forks], differs),
            tables.codes.width,
            generator,
        )
