"""Draws the forks of a question that a candidate gets in an audit.

What the log tells stays: the forks that were taken are taken again, in the same order, and wherever it could be asked
whether another one is left, the answer is the same. All else may change: where the other forks are, how many there are,
and what they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .fork_log import ForkPoint, ForkWatcher
from .tables import RecordedTables

_KEPT = 0.3
"""The share of episodes in which the forks that were not taken stay where they are recorded."""
_RESTED = 0.3
"""How often a fork goes where a branch was while it ran, else anywhere: a cheat must not see from where it forked."""
_TRIES = 12
"""Random places that are tried for a fork."""
_DONORS = 4
"""Branches that are tried to find one that goes on from the last true answer."""


@dataclass(slots=True)
class TreeRow:
    """A fork that a candidate gets."""

    parent: int
    """The row from which it is forked: first come the rows of the roots, then those of forks."""
    start: int
    """Intervals that it shares with its parent."""
    branch: int
    """The recorded branch in whose place it stands, -1 if it stands where none is recorded."""
    opened: int
    """Its number by opening, -1 if the log does not open it."""
    advanced: int = 0
    true_cells: int = 0
    """Cells from its start that may be true; those that the log shows are true in any case."""
    length: int = 0
    total: int = 0
    donor: int = 0


@dataclass(frozen=True, slots=True)
class RanFork:
    """How far a fork ran: see `RanBranches`."""

    advanced: int
    finished: bool
    held: bool
    """Whether its length may have decided whether its last interval ran."""


@dataclass(frozen=True, slots=True)
class DrawnTree:
    """The forks of a question."""

    rows: list[TreeRow]
    """A row comes after that of its parent."""
    order: list[int]
    """The rows of ``rows`` in the order of opening."""


class ForkContents:
    """Draws what the forks of an episode hold.

    Args:
        tables: the recorded branches.
        lender: the question whose branches lend their cells.
        exchanged: two answers that are exchanged in decoys (see `DrawnCodes`).
        delta: tokens of an interval.
        chance: the source of all random draws.
    """

    def __init__(
        self, tables: RecordedTables, lender: int, exchanged: tuple[int, int], delta: int, chance: Random
    ) -> None:
        self._tables, self._delta, self._chance = tables, delta, chance
        self._first, self._count = int(tables.first[lender]), int(tables.count[lender])
        self._names = {exchanged[0]: exchanged[1], exchanged[1]: exchanged[0]}
        self._reach = chance.choices(("none", "single", "all"), (0.5, 0.3, 0.2))[0]

    def fill(self, row: TreeRow, ran: RanFork | None) -> None:
        """Draw the true part, the donor and the length of a row. In place."""
        tables, chance = self._tables, self._chance
        row.advanced = row.start if ran is None else ran.advanced
        known = ran is not None and (ran.finished or ran.held)
        reached, whole = row.start, 0
        if row.branch >= 0:
            whole = max(int(tables.probes[row.branch]), row.start) + 1
            reached = row.advanced + self._more(whole - row.advanced)
        row.donor = self._donor(row, reached)
        lent = int(tables.probes[row.donor]) + 1
        if row.branch >= 0 and (known or reached >= whole):
            row.length, row.total = whole, int(tables.totals[row.branch])
        elif lent > reached:
            row.length, row.total = lent, int(tables.totals[row.donor])
        else:
            row.length = reached + 1 + int(chance.random() * lent)
            row.total = (row.length - 1) * self._delta + 1 + int(chance.random() * self._delta)
        row.true_cells = 0 if known else reached

    def _more(self, left: int) -> int:
        if self._reach == "single" and self._chance.random() < 0.5:
            return int(self._chance.random() * (left + 1))
        return left if self._reach == "all" else 0

    def _donor(self, row: TreeRow, reached: int) -> int:
        tables = self._tables
        drawn = [self._first + int(self._chance.random() * self._count) for _ in range(_DONORS)]
        if row.branch < 0 or reached == row.start:
            return drawn[0]
        last = min(reached - 1, int(tables.probes[row.branch]))
        answer = int(tables.cells[tables.starts[row.branch] + last])
        wanted = self._names.get(answer, answer)
        for donor in drawn:
            if tables.probes[donor] >= reached and tables.cells[tables.starts[donor] + reached - 1] == wanted:
                return donor
        return drawn[0]


class TreeDrawing:
    """Draws the forks of one episode.

    Args:
        watcher: what its log tells.
        branches: the recorded branches of the rows of roots that are recorded ones.
        lengths: the cells of each row of a root.
        available: roots that may be opened.
        most: branches that may be opened.
        base: the first branch of the question's environment among all.
        chance: the source of all random draws.
        contents: draws what the forks hold.
        ran: how far each fork ran, by its number by opening.
    """

    def __init__(
        self, watcher: ForkWatcher, branches: list[int], lengths: list[int], available: int, most: int, base: int,
        chance: Random, contents: ForkContents, ran: dict[int, RanFork],
    ) -> None:  # fmt: skip
        self._watcher, self._chance, self._contents, self._ran = watcher, chance, contents, ran
        env, question = watcher.env, watcher.question
        assert env.parents is not None and env.fork_depths is not None
        mine = env.branches(question)
        self._base = base + mine.start
        parents = env.parents[mine.start : mine.stop].tolist()
        depths = env.fork_depths[mine.start : mine.stop].tolist()
        self._recorded = {b: (parents[b], depths[b]) for b in range(len(mine)) if parents[b] >= 0}
        self._least = len(self._recorded) if len(mine) < most else max(0, most - available)
        self._exact = len(mine) < most
        self._roots = len(lengths)
        self._opened_roots = len(branches)
        self._lengths, self._starts = lengths, [0] * len(lengths)
        self._row_of = {branch - self._base: row for row, branch in enumerate(branches)}
        self._rows: list[TreeRow] = []
        self._forbidden: set[ForkPoint] = set()

    def draw(self) -> DrawnTree:
        """Return the forks. Called once."""
        for new, origin in self._watcher.origin.items():
            self._taken(new, origin)
        needed = self._known()
        left = [b for b in self._recorded if b not in self._row_of]
        kept = self._chance.random() < _KEPT
        if kept:
            for b in left:
                parent, depth = self._recorded[b]
                row = self._row_of.get(parent, -1)
                if row >= 0 and depth < self._lengths[row]:
                    self._add(row, depth, b)
        homeless = [b for b in left if b not in self._row_of]
        for row, depth in needed:
            if not self._has_free(row, depth):
                self._add(row, depth or self._some_depth(row))
                homeless.pop()
        missing = len(homeless) if self._exact or kept else round(len(homeless) * self._chance.uniform(0.5, 1.5))
        missing = max(missing, self._least - len(self._rows))
        rested = self._rested()
        for n in range(missing):
            place = self._place(rested) or (self._home(homeless[n]) if n < len(homeless) else None)
            if place is not None:
                self._add(*place)
        return self._numbered()

    def _taken(self, new: int, origin: int) -> None:
        """Add a fork that the log takes."""
        watcher = self._watcher
        branch = watcher.branch[new] - watcher.first
        row = self._row_of[watcher.branch[origin] - watcher.first]
        self._add(row, watcher.start[new], branch, new)

    def _known(self) -> list[ForkPoint]:
        """Return the rows and depths (0 for any) at which forks are left, and note those at which none may be."""
        watcher, needed = self._watcher, []
        for (origin, depth), _ in watcher.known.items():
            row = self._row_of[watcher.branch[origin] - watcher.first]
            left = watcher.left((origin, depth))
            if left:
                needed.append((row, depth))
            elif left is False:
                self._forbidden.add((row, depth))
        return needed

    def _has_free(self, row: int, depth: int) -> bool:
        """Return whether a fork that the log does not take is at a row and depth (0 for any)."""
        return any(f.opened < 0 and f.parent == row and depth in (0, f.start) for f in self._rows)

    def _rested(self) -> list[ForkPoint]:
        watcher = self._watcher
        return [(self._row_of[watcher.branch[i] - watcher.first], depth) for i, depth in watcher.rested]

    def _allowed(self, row: int, depth: int) -> bool:
        return (row, 0 if self._watcher.nearest else depth) not in self._forbidden

    def _some_depth(self, row: int) -> int:
        first, last = self._starts[row] + 1, max(self._starts[row] + 1, self._lengths[row] - 1)
        return self._chance.randint(first, last)

    def _place(self, rested: list[ForkPoint]) -> ForkPoint | None:
        """Return a random row and depth where a fork may be; None if none was found."""
        for _ in range(_TRIES):
            if rested and self._chance.random() < _RESTED:
                row, depth = self._chance.choice(rested)
            else:
                row = self._chance.randrange(len(self._lengths))
                if self._lengths[row] - 1 <= self._starts[row]:
                    continue
                depth = self._some_depth(row)
            if self._allowed(row, depth):
                return row, depth
        return None

    def _home(self, branch: int) -> ForkPoint | None:
        """Return where a recorded fork may be in any case: where it is, or the nearest fork that it comes from."""
        parent, depth = self._recorded[branch]
        while parent not in self._row_of and parent in self._recorded:
            parent, depth = self._recorded[parent]
        if parent not in self._row_of:
            return (self._opened_roots, 1) if self._opened_roots < self._roots else None
        row = self._row_of[parent]
        depth = min(depth, self._lengths[row])
        return (row, depth) if self._allowed(row, depth) else None

    def _add(self, parent: int, start: int, branch: int = -1, opened: int = -1) -> None:
        row = TreeRow(parent, start, branch if branch < 0 else self._base + branch, opened)
        self._contents.fill(row, self._ran.get(opened))
        if branch >= 0:
            self._row_of[branch] = len(self._lengths)
        self._rows.append(row)
        self._lengths.append(row.length)
        self._starts.append(start)

    def _numbered(self) -> DrawnTree:
        """Return the forks in a random order, in which each comes after its parent, and their order of opening.

        At each place those that the log takes are opened first.
        """
        rows, first = self._rows, self._roots
        turn: list[float] = []
        for row in rows:
            before = turn[row.parent - first] if row.parent >= first else 0.0
            turn.append(before + (1 - before) * self._chance.random())
        shuffled = sorted(range(len(rows)), key=turn.__getitem__)
        number = {first + old: first + new for new, old in enumerate(shuffled)}
        for row in rows:
            row.parent = number.get(row.parent, row.parent)
        ordered = [rows[old] for old in shuffled]
        groups: dict[ForkPoint, list[int]] = {}
        for at, row in enumerate(ordered):
            groups.setdefault((row.parent, row.start), []).append(at)
        order: list[int] = []
        for group in groups.values():
            taken = sorted((at for at in group if ordered[at].opened >= 0), key=lambda at: ordered[at].opened)
            others = [at for at in group if ordered[at].opened < 0]
            order += [*taken, *self._chance.sample(others, len(others))]
        return DrawnTree(ordered, order)
