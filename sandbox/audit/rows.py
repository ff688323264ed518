"""Draws the branches that a candidate gets in an audit: which of them are recorded, how far, and how long they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autotts.envs.episodes import ranges

from .revealed import RanBranches
from .tables import SPARE, Bools, Ints, RecordedTables

_TRIES = 6
"""The number of branches that are tried to find one that continues from the last true answer of another branch."""


@dataclass(frozen=True)
class DecoyRows:
    """The branches that candidates get, one row for each, episode by episode. Every column but ``first`` is (rows,)."""

    episode: Ints
    position: Ints
    """The number of the branch in the order of opening."""
    first: Ints
    """(E + 1,) the first row of each episode."""
    true: Bools
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


class RowDrawing:
    """Draws the rows of a batch.

    Args:
        tables: the recorded branches.
    """

    def __init__(self, tables: RecordedTables) -> None:
        self._tables = tables

    def rows(
        self,
        question: Ints,
        lender: Ints,
        branch: Ints,
        ran: RanBranches,
        widths: tuple[Ints, Ints, Ints],
        exchanged: Ints,
        delta: Ints,
        generator: np.random.Generator,
    ) -> DecoyRows:
        """Draw the true part, the donor and the length of each branch that a candidate gets.

        Args:
            ran: how far the branches ran. Where the last interval of one was refused under a limit on tokens, its
                length may have decided so, and that of a decoy must decide the same.
            widths: (E,) how many branches the log tells something of, how many are recorded ones, and how many there
                are.
        """
        opened, true, available = widths
        advanced, finished, refused = ran.advanced, ran.finished, ran.refused
        sizes = true + np.where(true < available, SPARE, 0)
        episode = np.repeat(np.arange(len(sizes)), sizes)
        position = ranges(np.zeros_like(sizes), sizes)
        is_true = position < true[episode]
        used = np.where(question == lender, opened, 0)
        donor = self._donors(lender, branch, used, generator)[episode, position]
        real = np.where(is_true, branch[episode, np.where(is_true, position, 0)], donor)
        key = episode * branch.shape[1] + np.where(is_true, position, 0)
        moved = np.where(is_true, advanced[key], 0)
        ended = is_true & finished[key]
        whole = self._tables.probes[real] + 1
        more = self._reach(whole - moved, episode, position < opened[episode], generator)
        true_cells = np.where(is_true, moved + more, 0)
        too_long = (position < opened[episode]) & (refused[key] >= 0)
        full = ended | too_long | (true_cells >= whole)
        follows = np.flatnonzero(~full & (true_cells > 0))
        at = episode[follows]
        donor[follows] = self._followers(
            lender[at], real[follows], true_cells[follows], exchanged[at], donor[follows], generator
        )
        lent = self._tables.probes[donor] + 1
        # only the length of these branches is known: cells that a branch run to its end did not show stay hidden
        true_cells = np.where(ended | too_long, 0, true_cells)
        longer = true_cells + 1 + (generator.random(len(real)) * lent).astype(np.int64)
        length = np.where(full, whole, np.where(lent > true_cells, lent, longer))
        tail = 1 + (generator.random(len(real)) * delta[episode]).astype(np.int64)
        total = np.where(lent > true_cells, self._tables.totals[donor], (length - 1) * delta[episode] + tail)
        total = np.where(full, self._tables.totals[real], total)
        others = np.flatnonzero(too_long)
        if len(others):
            others = others[(generator.random(len(sizes)) < 0.75)[episode[others]]]
        total[others] = self._as_refused(real[others], refused[key[others]], delta[episode[others]], generator)
        first = np.concatenate(([0], np.cumsum(sizes)))
        return DecoyRows(episode, position, first, is_true, real, donor, moved, true_cells, length, total)

    def _as_refused(self, real: Ints, refused: Ints, delta: Ints, generator: np.random.Generator) -> Ints:
        """Draw lengths of branches whose last interval is longer than ``refused`` tokens."""
        before = delta * self._tables.probes[real]
        span = delta + 2 * np.maximum(0, self._tables.totals[real] - before - refused)
        total: Ints = before + refused + 1 + (generator.random(len(real)) * span).astype(np.int64)
        return total

    def _donors(self, question: Ints, branch: Ints, opened: Ints, generator: np.random.Generator) -> Ints:
        """Draw (E, B + spare) branches of each question: opened ones last, none twice before all others are used."""
        E, B = branch.shape
        count = self._tables.count[question]
        turn = generator.integers(0, 1 << 15, (E, int(count.max())), np.uint16)  # short keys sort by radix
        at = np.flatnonzero(np.arange(B) < opened[:, None])
        turn[at // B, branch.ravel()[at] - self._tables.first[question][at // B]] |= 1 << 15
        turn[np.arange(turn.shape[1]) >= count[:, None]] = (1 << 16) - 1
        drawn = turn.argsort(axis=1, kind="stable")
        turns = np.arange(B + SPARE) % count[:, None]
        return np.asarray(self._tables.first[question][:, None] + np.take_along_axis(drawn, turns, axis=1))

    def _reach(self, left: Ints, episode: Ints, is_open: Bools, generator: np.random.Generator) -> Ints:
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
        last = self._tables.cells[self._tables.starts[real] + true_cells - 1]
        one, other = exchanged.T
        wanted = np.where(last == one, other, np.where(last == other, one, last))
        chance = generator.random((len(real), _TRIES))
        first, count = self._tables.first[question][:, None], self._tables.count[question][:, None]
        tried = first + (chance * count).astype(np.int64)
        probes = self._tables.probes[tried]
        answer = self._tables.cells[self._tables.starts[tried] + np.minimum(true_cells[:, None] - 1, probes)]
        fits = (answer == wanted[:, None]) & (probes >= true_cells[:, None]) & (tried != real[:, None])
        followers: Ints = np.where(fits.any(axis=1), tried[np.arange(len(real)), fits.argmax(axis=1)], donor)
        return followers

    def pairs(
        self, question: Ints, branch: Ints, advanced: Ints, opened: Ints, generator: np.random.Generator
    ) -> Ints:
        """Draw (E, 2) answers of each question: the last answers of two opened branches.

        Where these are equal or absent, the two most frequent final answers of the question take their place.
        """
        E, B = branch.shape
        some = (generator.random((E, 2)) * opened[:, None]).astype(np.int64)
        first = self._tables.first[question][:, None]
        which = np.where(opened[:, None] > 0, branch[np.arange(E)[:, None], some], first)
        depth = advanced.reshape(E, B)[np.arange(E)[:, None], some]
        last = self._tables.cells[self._tables.starts[which] + np.clip(depth - 1, 0, self._tables.probes[which])]
        useless = (last[:, 0] == last[:, 1]) | (last == 0).any(axis=1)
        return np.where(useless[:, None], self._tables.frequent[question], last)
