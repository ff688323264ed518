"""Fills the signals and the scores of a verifier in the questions that an audit plays.

A cell that lends its answer lends its numbers, too, so that a decoy's numbers fit its answer. In some episodes the
numbers are turned around within those of their question (the highest becomes the lowest), all are higher or lower than
lent, or all are equal. A cheat that takes the best of some branches has revealed the number of that one: others that
are merely lent would rarely be better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.question import WITH_PROBE
from autotts.envs.declarations import Declarations
from autotts.envs.environment import Environment
from autotts.envs.recordings import signal_cells, verifier_cells

from .merged import MergedRows
from .tables import Bools, Ints, RecordedTables

Floats = npt.NDArray[np.float32]

_LENT, _TURNED, _HIGHER, _LOWER, _EQUAL = range(5)
_KINDS = (0.25, 0.25, 0.2, 0.2, 0.1)
"""How often the numbers of an episode are as lent, turned around, higher, lower, and all equal."""
_SHIFT = 0.2, 1.0
"""How much higher or lower they are, in parts of the range of their question: from the first to the second."""
_SCORES_KEPT = 0.25
"""The share of episodes in which scores stay true that were not asked for, of intervals that were run."""
_AS_ANSWERS = 0.5
"""The share of episodes in which the numbers of intervals that were not run stay true where the answers do."""


@dataclass(frozen=True)
class NumberColumn:
    """One signal, or the scores of a verifier, in all environments."""

    name: str
    """The signal; "" for the verifier."""
    cells: Floats
    """The numbers of all cells; NaN where absent."""
    low: Floats
    """(Q,) the lowest number of each question; NaN if it has none."""
    high: Floats
    """(Q,)"""
    there: Bools
    """For each environment, whether it has the column."""

    @classmethod
    def of(cls, name: str, environments: Sequence[Environment], tables: RecordedTables) -> NumberColumn:
        """Return the column of a signal, or of the verifier (``name`` is "")."""
        columns = [_cells(name, env) for env in environments]
        sizes = [len(env.probe_answers) + len(env.final_answers) for env in environments]
        cells = np.concatenate(
            [np.full(n, np.nan, np.float32) if column is None else column
             for n, column in zip(sizes, columns, strict=True)]
        )  # fmt: skip
        first = tables.starts[tables.first]
        low, high = np.fmin.reduceat(cells, first), np.fmax.reduceat(cells, first)
        return cls(name, cells, low, high, np.array([column is not None for column in columns]))


def _cells(name: str, env: Environment) -> Floats | None:
    if not name:
        return verifier_cells(env, None)
    return signal_cells(env, None, name) if name in env.signal_names else None


@dataclass(frozen=True)
class NumberSources:
    """Where the C cells of the questions come from. All numbers are those of recorded cells."""

    real: Ints
    lent: Ints
    recorded: Ints
    """The cell in whose place each is."""
    shown: Bools
    """Whether the answer is the recorded one."""
    revealed: Bools
    """Whether the log shows the answer."""
    verified: Bools
    """Whether the log shows the score."""


class NumberDrawing:
    """Draws the numbers of the questions of an audit.

    Args:
        environments: the environments of the batch.
        declared: what the candidate declares.
        tables: the recorded branches.
    """

    def __init__(self, environments: Sequence[Environment], declared: Declarations, tables: RecordedTables) -> None:
        self._tables = tables
        names = [name for name in declared.names if any(name in env.signal_names for env in environments)]
        if declared.verifier and any(env.verifier is not None for env in environments):
            names.append("")
        self.columns = [NumberColumn.of(name, environments, tables) for name in names]
        self._free = np.array([env.verify_cost == 0 for env in environments])

    def draw(
        self, column: NumberColumn, rows: MergedRows, cells: NumberSources, environment: Ints, lender: Ints,
        generator: np.random.Generator,
    ) -> Floats:  # fmt: skip
        """Return (C,) the numbers of a column.

        Args:
            column: the column.
            rows: the rows of the questions.
            cells: where their cells come from.
            environment: (E,) the environment of each question.
            lender: (E,) the question that lends its cells.
            generator: the source of all random draws.
        """
        E = len(environment)
        kind = generator.choice(5, E, p=_KINDS)
        kept, beyond = generator.random(E) < _SCORES_KEPT, generator.random(E) < _AS_ANSWERS
        chosen = (generator.random(E) * np.diff(rows.at[rows.first])).astype(np.int64) + rows.at[rows.first[:-1]]
        equal = column.cells[cells.lent[chosen]]
        episode = rows.episode[rows.row]
        true, revealed = self._true(column, rows, cells, environment, kept)
        true &= revealed | (rows.depth < rows.advanced[rows.row]) | beyond[episode]
        lent = column.cells[cells.lent]
        low, high = column.low[lender], column.high[lender]
        turned = (low + high)[episode] - lent
        shift = np.where(kind == _HIGHER, 1, np.where(kind == _LOWER, -1, 0)) * generator.uniform(*_SHIFT, E)
        kinds, moved = kind[episode], lent + (shift * (high - low))[episode]
        found = np.where(kinds == _TURNED, turned, np.where(kinds == _EQUAL, equal[episode], moved))
        found = np.where(true, column.cells[cells.real], found).astype(np.float32)
        hidden = rows.own & ~revealed & rows.compared[rows.row] & column.there[environment][episode]
        hidden &= rows.depth <= self._tables.probes[rows.recorded][rows.row]  # beyond, its length shows it already
        self._ensure_difference(column, found, np.flatnonzero(hidden), cells, rows, generator)
        rows.share(found)
        return found

    def _true(
        self, column: NumberColumn, rows: MergedRows, cells: NumberSources, environment: Ints, kept: Bools
    ) -> tuple[Bools, Bools]:
        """Return (C,) whether each number is the recorded one, and (C,) whether the log reveals it."""
        ran = rows.depth < rows.advanced[rows.row]
        if column.name.startswith(WITH_PROBE):
            return cells.shown, cells.revealed
        if column.name:
            return cells.shown | ran, ran  # to run an interval or to step through it costs the same
        episode = rows.episode[rows.row]
        revealed = cells.verified | (ran & self._free[environment][episode])
        return revealed | (cells.shown & (~ran | kept[episode])), revealed

    def _ensure_difference(
        self, column: NumberColumn, found: Floats, hidden: Ints, cells: NumberSources, rows: MergedRows,
        generator: np.random.Generator,
    ) -> None:  # fmt: skip
        """Change numbers of each episode in which no ``hidden`` one differs from the recording. In place."""
        truth = column.cells[cells.recorded[hidden]]
        differs = ~((found[hidden] == truth) | (np.isnan(found[hidden]) & np.isnan(truth)))
        episode = rows.episode[rows.row[hidden]]
        E = len(rows.first) - 1
        some, changed = np.bincount(episode, minlength=E), np.bincount(episode, differs, minlength=E)
        starts = np.cumsum(some) - some
        for e in np.flatnonzero((some > 0) & (changed == 0)).tolist():
            at = int(starts[e] + generator.integers(some[e]))
            row = rows.row[hidden[at]]
            last = at + int((rows.row[hidden[at : starts[e] + some[e]]] == row).sum())
            old = truth[at:last]
            low, high = (float(np.nanmin(old)), float(np.nanmax(old))) if not np.isnan(old).all() else (0.0, 0.0)
            place = hidden[at:last]
            new = np.where(np.isnan(old), low, high + max(1.0, abs(high)) - (old - low))
            found[place] = new.astype(np.float32)
