"""Builds the questions on which the audit plays episodes: revealed cells as recorded, decoys in all other cells.

A cell is one answer of a branch. `sandbox.audit.look_ahead` explains what decoys must not show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import BRANCH
from autotts.envs.episodes import Episodes, Logs, ranges
from autotts.envs.log_entries import LogEntries, branch_columns, cells_of, log_entries
from autotts.envs.store import ABSENT, Environment
from autotts.envs.token_limit import longest_refusals

from ..sealing import INVENTED, PackedQuestions
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
from .codes import CodeDrawing, NumberedAnswers, number_answers, smallest_prime
from .difference import ComparedRows, HiddenCells, ensure_difference

_SPARE = 4
"""The number of invented answers, which only decoys give; also the number of decoys that replace unopened branches."""
_TRIES = 6
"""The number of branches that are tried to find one that continues from the last true answer of another branch."""

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.uint16]


@dataclass(frozen=True)
class _DecoyColumns:
    """The branches that candidates get, one row for each, episode by episode. Every column but ``first`` is (rows,)."""

    episode: Ints
    position: Ints
    """The number of the branch in the order of opening."""
    first: Ints
    """(E + 1,) the first row of each episode."""
    true: npt.NDArray[np.bool_]
    """Whether the row is a recorded branch, at least in part."""
    real: Ints
    """The recorded branch."""
    donor: Ints
    """The branch whose cells replace the others."""
    advanced: Ints
    """Intervals that the branch ran according to the log."""
    true_cells: Ints
    """Cells from the start of the branch that may be true."""
    length: Ints
    """Cells of the row."""
    total: Ints
    """Tokens of the row."""


class Decoys:
    """Builds sealed questions in which only the cells that a log revealed are certain to be as recorded."""

    def __init__(self, episodes: Episodes) -> None:
        environments = episodes.environments
        self.probes, self.totals, self.starts = columns = branch_columns(environments)
        self.tables = (*columns, np.zeros(0, np.int32))  # the entries of the logs are used without answers
        self.bases = np.cumsum([0, *(len(env.final_answers) for env in environments)])
        self.questions = np.cumsum([0, *(len(env) for env in environments)])
        firsts = (env.branch_offsets[:-1] + base for env, base in zip(environments, self.bases, strict=False))
        self.first = np.concatenate(list(firsts))
        self.count = np.concatenate([np.diff(env.branch_offsets) for env in environments])
        self.delta = np.array([env.delta for env in environments], np.int64)
        self.price = np.array([env.probe_cost for env in environments], np.int64)
        self._code(environments)

    def _code(self, environments: Sequence[Environment]) -> None:
        """Number the answers of each question from 1; an absent answer is 0. ``answers`` maps the numbers back.

        One environment after another: the numbers of its cells take a fiftieth of the memory of the work on them.
        """
        self.cells = np.empty(int(self.starts[-1] + self.probes[-1]) + 1, np.uint16)
        done: list[NumberedAnswers] = []
        for e, env in enumerate(environments):
            branches, cells = slice(int(self.bases[e]), int(self.bases[e + 1])), cells_of(env)
            first = int(self.starts[branches.start])
            owner = np.repeat(np.arange(len(env)), np.diff(env.branch_offsets))
            here = self.cells[first : first + len(cells)]
            done.append(number_answers(owner, self.probes[branches], cells, len(env), _SPARE, here))
        self.sizes = np.concatenate([each.sizes for each in done])
        self.frequent = np.concatenate([each.frequent for each in done])
        self.answers = np.full((len(self.count), int(self.sizes.max()) + 1), INVENTED, np.int32)
        self.answers[:, 0] = ABSENT
        for base, each in zip(self.questions.tolist(), done, strict=False):
            self.answers[base + each.question, each.number] = each.answer
        self.codes = CodeDrawing(smallest_prime(int(self.sizes.max())))

    def batch(self, episodes: Episodes, logs: Logs, group: Ints, generator: np.random.Generator) -> SealedBatch:
        """Return the episodes, each on a sealed question of its own.

        Args:
            episodes: the E episodes.
            logs: their action logs.
            group: (E,) the group of each episode (see `SealedBatch.group`).
            generator: the source of all random draws.
        """
        E, B = len(episodes), episodes.max_branches
        env = episodes.environment
        question = (self.questions[env] + episodes.question).astype(np.int64)
        branch = episodes.opened + self.bases[env][:, None]
        available = (episodes.opened >= 0).sum(axis=1)
        done = log_entries(episodes, logs, tables=self.tables)
        advanced, finished = np.zeros(E * B, np.int64), np.zeros(E * B, bool)
        np.maximum.at(advanced, done.key, done.after)
        finished[done.key[done.ended]] = True
        refused = np.full(E * B, -1)
        if episodes.max_tokens is not None:
            last = (self.totals[branch] - self.delta[env][:, None] * self.probes[branch]).ravel()
            may = longest_refusals(episodes, logs, done, last, episodes.max_tokens)
            at_last = advanced == self.probes[branch].ravel()
            refused = np.where(at_last & ~finished & (may >= np.repeat(self.delta[env], B)), may, -1)
        opened = self._last_ran(E, B, done, advanced, refused)

        # the log tells of ``opened`` branches; all or some of the others may be true in part; decoys replace the rest
        some = opened + (generator.random(E) ** 2 * (available - opened + 1)).astype(np.int64)
        true = np.where(generator.random(E) < 0.5, available, some)
        foreign = generator.random(E) < 0.35
        sizes = np.diff(self.questions)[env]
        lender = np.where(foreign, self.questions[env] + (generator.random(E) * sizes).astype(np.int64), question)
        pairs = self._pairs(question, branch, advanced, opened, generator)
        drawn, widths = self.codes.draw(pairs, generator), (opened, true, available)
        rows = self._rows(
            question, lender, branch, advanced, finished, refused, widths, drawn.exchanged, self.delta[env], generator
        )
        stand_in = true[:, None] + generator.integers(0, _SPARE, (E, B))
        orders = np.where(np.arange(B) < true[:, None], np.arange(B), stand_in)

        at, table = np.concatenate(([0], np.cumsum(rows.length))), drawn.table
        kind = np.where(drawn.renamed, generator.choice(3, E, p=(0.4, 0.3, 0.3)), 0)
        table[kind == 1, 0, 1:] = table[kind == 1, 0, 1:2]  # decoys that are all equal
        revealed, pieces = self._shown(rows, at, done, B, self.price[env] == 0, generator.random(E) < 0.5)
        codes = decoy_codes(self._sources(rows, at), pieces, self.cells, table)
        self._shift(codes, pieces, rows, kind == 2, generator)
        recorded, compared = self._recorded(rows, branch, true, stand_in)
        differs = compared & ((rows.length != self.probes[recorded] + 1) | (rows.total != self.totals[recorded]))
        ensure_difference(
            codes,
            self._hidden(rows, at, recorded, compared, differs, revealed, table),
            ComparedRows(rows.first, rows.advanced, differs),
            self.codes.width,
            generator,
        )
        questions = PackedQuestions(
            cells=codes,
            lengths=rows.length.astype(np.uint32),
            totals=rows.total.astype(np.uint32),
            branches=rows.first,
            ends=at[rows.first],
            deltas=self.delta[env],
            probe_costs=self.price[env],
            codes=drawn.names,
            answers=self.answers,
            owner=question,
        )
        return SealedBatch(
            questions=questions,
            question=np.arange(E),
            orders=[order[:n] for order, n in zip(orders.astype(np.int32), available.tolist(), strict=True)],
            order=np.arange(E),
            beta=episodes.beta,
            seed=episodes.order,
            group=group,
            max_branches=B,
            max_tokens=episodes.max_tokens,
            describe=episodes.describe,
        )

    def _recorded(self, rows: _DecoyColumns, branch: Ints, true: Ints, stand_in: Ints) -> tuple[Ints, Bools]:
        """Return (R,) the recorded branch in whose place each row is opened, and (R,) whether there is one for certain.

        Of the decoys that replace unopened branches, it is certain only for the first.
        """
        recorded, certain = rows.real.copy(), rows.true.copy()
        replaced = np.flatnonzero(rows.first[1:] - rows.first[:-1] > true)
        first = true[replaced]
        at = rows.first[replaced] + stand_in[replaced, first]
        recorded[at], certain[at] = branch[replaced, first], True
        return recorded, certain

    def _last_ran(self, E: int, B: int, done: LogEntries, advanced: Ints, refused: Ints) -> Ints:
        """Return (E,) how many branches the log tells something of: those up to the last one that ran, or might have.

        To open a branch costs nothing and shows nothing, so that a branch that was only opened is as any other. If it
        were not, a cheat could tell the audit by the number of branches that it opens what else to do.
        """
        was_opened = np.zeros(E * B, bool)
        was_opened[done.key[done.verb == BRANCH]] = True
        ran = (advanced > 0) | (was_opened & (refused >= 0))
        return np.asarray(np.where(ran.reshape(E, B), np.arange(1, B + 1), 0).max(axis=1))

    def _shown(
        self, rows: _DecoyColumns, at: Ints, done: LogEntries, B: int, free: Bools, passed: Bools
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

    def _sources(self, rows: _DecoyColumns, at: Ints) -> CellSources:
        lent = self.starts[rows.donor]
        return CellSources(at, rows.episode, self.starts[rows.real], lent, lent + self.probes[rows.donor])

    def _shift(
        self, codes: Codes, pieces: CellPieces, rows: _DecoyColumns, which: Bools, generator: np.random.Generator
    ) -> None:
        """Shift the decoys of each branch of the episodes ``which`` by a number of its own. In place.

        To shift the codes is as random as to shift the answers that they stand for (see `CodeDrawing`).
        """
        chosen = which[rows.episode]
        shift = np.zeros(len(chosen), np.int64)
        shift[chosen] = generator.integers(0, self.codes.width, int(chosen.sum()))
        shifted = np.flatnonzero(chosen[pieces.row] & ~pieces.shown)
        first, stop = pieces.at[shifted], pieces.at[shifted + 1]
        cells = ranges(first, stop)
        found = codes[cells].astype(np.int64)
        moved = (found - 1 + np.repeat(shift[pieces.row[shifted]], stop - first)) % self.codes.width + 1
        codes[cells] = np.where(found == 0, 0, moved)

    def _hidden(
        self, rows: _DecoyColumns, at: Ints, recorded: Ints, compared: Bools, differs: Bools, revealed: Bools | None,
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
        true_cell = self.starts[recorded][row] + np.minimum(depth, self.probes[recorded][row])
        return HiddenCells(cells, row, depth, table[rows.episode[row], 1, self.cells[true_cell]])

    def _rows(
        self,
        question: Ints,
        lender: Ints,
        branch: Ints,
        advanced: Ints,
        finished: npt.NDArray[np.bool_],
        refused: Ints,
        widths: tuple[Ints, Ints, Ints],
        exchanged: Ints,
        delta: Ints,
        generator: np.random.Generator,
    ) -> _DecoyColumns:
        """Draw the true part, the donor and the length of each branch that a candidate gets.

        Args:
            refused: (E * B,) under a limit on tokens, what `longest_refusals` says of a branch before its last
                interval, where this is longer than a whole one; -1 for any other branch. The length of this interval
                may have decided whether it ran, so that of a decoy must decide the same.
        """
        opened, true, available = widths
        sizes = true + np.where(true < available, _SPARE, 0)
        episode = np.repeat(np.arange(len(sizes)), sizes)
        position = ranges(np.zeros_like(sizes), sizes)
        is_true = position < true[episode]
        used = np.where(question == lender, opened, 0)
        donor = self._donors(lender, branch, used, generator)[episode, position]
        real = np.where(is_true, branch[episode, np.where(is_true, position, 0)], donor)
        key = episode * branch.shape[1] + np.where(is_true, position, 0)
        moved = np.where(is_true, advanced[key], 0)
        ended = is_true & finished[key]
        whole = self.probes[real] + 1
        more = self._reach(whole - moved, episode, position < opened[episode], generator)
        true_cells = np.where(is_true, moved + more, 0)
        too_long = (position < opened[episode]) & (refused[key] >= 0)
        full = ended | too_long | (true_cells >= whole)
        follows = np.flatnonzero(~full & (true_cells > 0))
        at = episode[follows]
        donor[follows] = self._followers(
            lender[at], real[follows], true_cells[follows], exchanged[at], donor[follows], generator
        )
        lent = self.probes[donor] + 1
        # only the length of these branches is known: cells that a branch run to its end did not show stay hidden
        true_cells = np.where(ended | too_long, 0, true_cells)
        longer = true_cells + 1 + (generator.random(len(real)) * lent).astype(np.int64)
        length = np.where(full, whole, np.where(lent > true_cells, lent, longer))
        tail = 1 + (generator.random(len(real)) * delta[episode]).astype(np.int64)
        total = np.where(lent > true_cells, self.totals[donor], (length - 1) * delta[episode] + tail)
        total = np.where(full, self.totals[real], total)
        others = np.flatnonzero(too_long)
        if len(others):
            others = others[(generator.random(len(sizes)) < 0.75)[episode[others]]]
        total[others] = self._as_refused(real[others], refused[key[others]], delta[episode[others]], generator)
        first = np.concatenate(([0], np.cumsum(sizes)))
        return _DecoyColumns(episode, position, first, is_true, real, donor, moved, true_cells, length, total)

    def _as_refused(self, real: Ints, refused: Ints, delta: Ints, generator: np.random.Generator) -> Ints:
        """Draw lengths of branches whose last interval is longer than ``refused`` tokens."""
        before = delta * self.probes[real]
        span = delta + 2 * np.maximum(0, self.totals[real] - before - refused)
        total: Ints = before + refused + 1 + (generator.random(len(real)) * span).astype(np.int64)
        return total

    def _donors(self, question: Ints, branch: Ints, opened: Ints, generator: np.random.Generator) -> Ints:
        """Draw (E, B + spare) branches of each question: opened ones last, none twice before all others are used."""
        E, B = branch.shape
        count = self.count[question]
        turn = generator.integers(0, 1 << 15, (E, int(count.max())), np.uint16)  # short keys sort by radix
        at = np.flatnonzero(np.arange(B) < opened[:, None])
        turn[at // B, branch.ravel()[at] - self.first[question][at // B]] |= 1 << 15
        turn[np.arange(turn.shape[1]) >= count[:, None]] = (1 << 16) - 1
        drawn = turn.argsort(axis=1, kind="stable")
        turns = np.arange(B + _SPARE) % count[:, None]
        return np.asarray(self.first[question][:, None] + np.take_along_axis(drawn, turns, axis=1))

    def _reach(self, left: Ints, episode: Ints, is_open: npt.NDArray[np.bool_], generator: np.random.Generator) -> Ints:
        """Draw how many of the ``left`` intervals of each branch may be true beyond the revealed ones.

        One of four ways is drawn for each episode: none, a number for each branch, the same number for all branches,
        or, for opened branches only, all intervals. Where every branch was opened, this last way keeps all intervals of
        half of the branches: otherwise no decoy would be left.
        """
        E = int(episode.max(initial=-1)) + 1
        single = (generator.random(len(left)) * (left + 1)).astype(np.int64)
        single[generator.random(len(left)) < 0.5] = 0
        common = (64 ** generator.random(E)).astype(np.int64)[episode]
        way = np.where(is_open, generator.integers(0, 4, E)[episode], generator.integers(0, 3, E)[episode])
        closed = np.bincount(episode[~is_open], minlength=E) > 0
        most = np.where(closed[episode] | (generator.random(len(left)) < 0.5), left, single)
        more: Ints = np.choose(way, (np.zeros_like(left), single, np.minimum(common, left), most))
        return more

    def _followers(
        self, question: Ints, real: Ints, true_cells: Ints, exchanged: Ints, donor: Ints, generator: np.random.Generator
    ) -> Ints:
        """Return, for each branch, a donor that continues from the last true answer of ``real``.

        Where `_TRIES` random branches include none, the donor stays ``donor``.
        """
        last = self.cells[self.starts[real] + true_cells - 1]
        one, other = exchanged.T
        wanted = np.where(last == one, other, np.where(last == other, one, last))
        chance = generator.random((len(real), _TRIES))
        tried = self.first[question][:, None] + (chance * self.count[question][:, None]).astype(np.int64)
        answer = self.cells[self.starts[tried] + np.minimum(true_cells[:, None] - 1, self.probes[tried])]
        fits = (answer == wanted[:, None]) & (self.probes[tried] >= true_cells[:, None]) & (tried != real[:, None])
        followers: Ints = np.where(fits.any(axis=1), tried[np.arange(len(real)), fits.argmax(axis=1)], donor)
        return followers

    def _pairs(
        self, question: Ints, branch: Ints, advanced: Ints, opened: Ints, generator: np.random.Generator
    ) -> Ints:
        """Draw (E, 2) answers of each question: the last answers of two opened branches.

        Where these are equal or absent, the two most frequent final answers of the question take their place.
        """
        E, B = branch.shape
        some = (generator.random((E, 2)) * opened[:, None]).astype(np.int64)
        which = np.where(opened[:, None] > 0, branch[np.arange(E)[:, None], some], self.first[question][:, None])
        depth = advanced.reshape(E, B)[np.arange(E)[:, None], some]
        last = self.cells[self.starts[which] + np.clip(depth - 1, 0, self.probes[which])]
        useless = (last[:, 0] == last[:, 1]) | (last == 0).any(axis=1)
        return np.where(useless[:, None], self.frequent[question], last)
