"""Builds the questions on which the audit plays episodes: revealed cells as recorded, decoys in all other cells.

A cell is one answer of a branch, with its signals and its score. `sandbox.audit.look_ahead` explains what decoys must
not show.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import BRANCH
from autotts.envs.declarations import Declarations
from autotts.envs.episodes import Episodes, Logs, ranges

from ..sealing import PackedQuestions
from ..wire import SealedBatch
from .cells import (
    CellPieces,
    CellSources,
    add_spans,
    covered,
    decoy_codes,
    pieces_of_cells,
    pieces_of_starts,
    revealed_spans,
)
from .difference import ComparedRows, HiddenCells, ensure_difference
from .extras import ExtrasDrawing, RootDraw
from .revealed import BranchEntries, RanBranches, revealed_logs
from .rows import DecoyRows, RowDrawing
from .tables import SPARE, Bools, Ints, RecordedTables

Codes = npt.NDArray[np.uint16]
NOTHING = Declarations()


class Decoys:
    """Builds sealed questions in which only the cells that a log revealed are certain to be as recorded.

    Args:
        episodes: the whole batch.
        declared: what the candidate declares: it gets nothing else.
    """

    def __init__(self, episodes: Episodes, declared: Declarations = NOTHING) -> None:
        self.tables = RecordedTables(episodes)
        self.rows = RowDrawing(self.tables)
        self.extras = ExtrasDrawing(episodes.environments, declared, self.tables)

    def batch(self, episodes: Episodes, logs: Logs, group: Ints, generator: np.random.Generator) -> SealedBatch:
        """Return the episodes, each on a sealed question of its own.

        Args:
            episodes: the E episodes.
            logs: their action logs.
            group: (E,) the group of each episode (see `SealedBatch.group`).
            generator: the source of all random draws.
        """
        tables, E, B = self.tables, len(episodes), episodes.max_branches
        env = episodes.environment
        delta, free = tables.delta[env], tables.price[env] == 0
        question = (tables.questions[env] + episodes.question).astype(np.int64)
        branch = episodes.opened + tables.bases[env][:, None]
        available = (episodes.opened >= 0).sum(axis=1)
        seen = revealed_logs(episodes, logs, tables, self.extras.forked[env])
        ran = seen.roots
        opened = self._last_ran(E, B, ran)

        # the log tells of ``opened`` branches; all or some of the others may be true in part; decoys replace the rest
        some = opened + (generator.random(E) ** 2 * (available - opened + 1)).astype(np.int64)
        true = np.where(generator.random(E) < 0.5, available, some)
        foreign = generator.random(E) < 0.35
        sizes = np.diff(tables.questions)[env]
        lender = np.where(foreign, tables.questions[env] + (generator.random(E) * sizes).astype(np.int64), question)
        pairs = self.rows.pairs(question, branch, ran.advanced, opened, generator)
        drawn, widths = tables.codes.draw(pairs, generator), (opened, true, available)
        rows = self.rows.rows(question, lender, branch, ran, widths, drawn.exchanged, delta, generator)
        stand_in = true[:, None] + generator.integers(0, SPARE, (E, B))
        order = np.where(np.arange(B) < true[:, None], np.arange(B), stand_in).astype(np.int32)
        orders = [row[:n] for row, n in zip(order, available.tolist(), strict=True)]

        at, table = np.concatenate(([0], np.cumsum(rows.length))), drawn.table
        kind = np.where(drawn.renamed, generator.choice(3, E, p=(0.4, 0.3, 0.3)), 0)
        table[kind == 1, 0, 1:] = table[kind == 1, 0, 1:2]  # decoys that are all equal
        passed = generator.random(E) < 0.5
        revealed, pieces = self._shown(rows, at, ran.entries, B, free, passed)
        codes = decoy_codes(self._sources(rows, at), pieces, tables.cells, table)
        self._shift(codes, pieces, rows, kind == 2, generator)
        recorded, compared = self._recorded(rows, branch, true, stand_in)
        differs = compared & ((rows.length != tables.probes[recorded] + 1) | (rows.total != tables.totals[recorded]))
        ensure_difference(
            codes,
            self._hidden(rows, at, recorded, compared, differs, revealed, table),
            ComparedRows(rows.first, rows.advanced, differs),
            tables.codes.width,
            generator,
        )
        parts = rows.first, at, rows.length, rows.total
        extras = None
        if self.extras.used:
            if revealed is None:
                revealed = np.arange(int(at[-1])) < np.repeat(at[:-1] + rows.advanced, rows.length)
            root = RootDraw(
                rows, codes, np.repeat(pieces.shown, np.diff(pieces.at)), revealed, recorded, compared, true, orders,
                lender, table, drawn.exchanged, kind == 2, passed,
            )  # fmt: skip
            whole = self.extras.draw(episodes, seen, root, generator)
            codes, orders, extras = whole.codes, whole.orders, whole.extras
            parts = whole.rows.first, whole.rows.at, whole.rows.length, whole.rows.total
        first, at, length, total = parts
        questions = PackedQuestions(
            cells=codes,
            lengths=length.astype(np.uint32),
            totals=total.astype(np.uint32),
            branches=first,
            ends=at[first],
            deltas=delta,
            probe_costs=tables.price[env],
            codes=drawn.names,
            answers=tables.answers,
            owner=question,
            extras=extras,
        )
        return SealedBatch(
            questions=questions,
            question=np.arange(E),
            orders=orders,
            order=np.arange(E),
            beta=episodes.beta,
            seed=episodes.order,
            group=group,
            max_branches=B,
            max_tokens=episodes.max_tokens,
            describe=episodes.describe,
        )

    def _recorded(self, rows: DecoyRows, branch: Ints, true: Ints, stand_in: Ints) -> tuple[Ints, Bools]:
        """Return (R,) the recorded branch in whose place each row is opened, and (R,) whether there is one for certain.

        Of the decoys that replace unopened branches, it is certain only for the first.
        """
        recorded, certain = rows.real.copy(), rows.true.copy()
        replaced = np.flatnonzero(rows.first[1:] - rows.first[:-1] > true)
        first = true[replaced]
        at = rows.first[replaced] + stand_in[replaced, first]
        recorded[at], certain[at] = branch[replaced, first], True
        return recorded, certain

    def _last_ran(self, E: int, B: int, roots: RanBranches) -> Ints:
        """Return (E,) how many branches the log tells something of: those up to the last one that ran, or might have.

        To open a branch costs nothing and shows nothing, so that a branch that was only opened is as any other. If it
        were not, a cheat could tell the audit by the number of branches that it opens what else to do.
        """
        was_opened = np.zeros(E * B, bool)
        was_opened[roots.entries.key[roots.entries.verb == BRANCH]] = True
        ran = (roots.advanced > 0) | (was_opened & (roots.refused >= 0))
        return np.asarray(np.where(ran.reshape(E, B), np.arange(1, B + 1), 0).max(axis=1))

    def _shown(
        self, rows: DecoyRows, at: Ints, done: BranchEntries, B: int, free: Bools, passed: Bools
    ) -> tuple[Bools | None, CellPieces]:
        """Return whether the log revealed each of the C cells, and the pieces that are true in what the candidate gets.

        The first is None where all probes are free: the log then revealed the first ``advanced`` cells of each branch.

        Args:
            rows: the branches.
            at: (R + 1,) the first cell of each branch.
            done: the entries of the logs.
            B: branches of the budget.
            free: (E,) whether probes are free.
            passed: (E,) whether the cells that branches advanced over without a probe stay true.
        """
        # Where probes are free, the candidate has paid for the cells that it advanced over without a probe. Were they
        # hidden, it could tell the audit something for nothing: by a run, or by as many steps.
        if free.all():
            return None, pieces_of_starts(at, np.maximum(rows.advanced, rows.true_cells))
        # an entry of a branch that was only opened shows no cell, and may have no row: any other row will do
        start = at[np.minimum(rows.first[done.episode] + done.key % B, rows.first[done.episode + 1] - 1)]
        edges = np.zeros(int(at[-1]) + 1, np.int32)
        add_spans(edges, *revealed_spans(done, start))
        begin, advanced = at[:-1], at[:-1] + rows.advanced
        paid = np.flatnonzero(free[rows.episode])
        add_spans(edges, begin[paid], advanced[paid])
        revealed = covered(edges)
        add_spans(edges, advanced, np.maximum(advanced, begin + rows.true_cells))
        kept = np.flatnonzero((passed & ~free)[rows.episode])
        add_spans(edges, begin[kept], advanced[kept])
        return revealed, pieces_of_cells(at, covered(edges))

    def _sources(self, rows: DecoyRows, at: Ints) -> CellSources:
        lent = self.tables.starts[rows.donor]
        return CellSources(at, rows.episode, self.tables.starts[rows.real], lent, lent + self.tables.probes[rows.donor])

    def _shift(
        self, codes: Codes, pieces: CellPieces, rows: DecoyRows, which: Bools, generator: np.random.Generator
    ) -> None:
        """Shift the decoys of each branch of the episodes ``which`` by a number of its own. In place.

        To shift the codes is as random as to shift the answers that they stand for (see `CodeDrawing`).
        """
        chosen = which[rows.episode]
        shift = np.zeros(len(chosen), np.int64)
        shift[chosen] = generator.integers(0, self.tables.codes.width, int(chosen.sum()))
        shifted = np.flatnonzero(chosen[pieces.row] & ~pieces.shown)
        first, stop = pieces.at[shifted], pieces.at[shifted + 1]
        cells = ranges(first, stop)
        found = codes[cells].astype(np.int64)
        moved = (found - 1 + np.repeat(shift[pieces.row[shifted]], stop - first)) % self.tables.codes.width + 1
        codes[cells] = np.where(found == 0, 0, moved)

    def _hidden(
        self, rows: DecoyRows, at: Ints, recorded: Ints, compared: Bools, differs: Bools, revealed: Bools | None,
        table: Codes,
    ) -> HiddenCells:  # fmt: skip
        """Return the hidden cells of the episodes in which no length differs: all others differ from the recording."""
        unsure = np.flatnonzero(np.add.reduceat(differs, rows.first[:-1], dtype=np.int64) == 0)
        which = ranges(rows.first[unsure], rows.first[unsure + 1])
        which = which[compared[which]]
        cells, row = ranges(at[which], at[which + 1]), np.repeat(which, rows.length[which])
        hidden = cells - at[row] >= rows.advanced[row] if revealed is None else ~revealed[cells]
        cells, row = cells[hidden], row[hidden]
        depth = cells - at[row]
        true_cell = self.tables.starts[recorded][row] + np.minimum(depth, self.tables.probes[recorded][row])
        return HiddenCells(cells, row, depth, table[rows.episode[row], 1, self.tables.cells[true_cell]])
