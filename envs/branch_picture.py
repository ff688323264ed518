"""Draws branches: a row for each branch, a cell for each interval, and the meaning of the symbols."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

RIGHT, LEADING, WRONG, ABSENT, UNSEEN = "█", "▒", "░", "·", "?"
PRUNED, ENDED, RUNNING, LOST, SHARED = "×", "|", ">", "!", "─"

Meanings = Mapping[str, tuple[str, str]]
"""The meaning of each symbol, and its ANSI colour."""
RECORDED: Meanings = {
    RIGHT: ("right", "32"),
    LEADING: ("wrong, leading", "31"),
    WRONG: ("wrong", "33"),
    ABSENT: ("no answer", "2"),
    UNSEEN: ("not looked at", "2"),
    SHARED: ("shared before fork", "2"),
    PRUNED: ("pruned", "35"),
    ENDED: ("ended", "36"),
    RUNNING: ("still running", "36"),
}
"""Where the gold answer is known. "Leading" refers to the moment when the answer was shown."""
LIVE: Meanings = {
    RIGHT: ("the leading answer", "32"),
    WRONG: ("another answer", "33"),
    ABSENT: ("no answer, or not looked at", "2"),
    PRUNED: ("pruned", "35"),
    ENDED: ("ended", "36"),
    RUNNING: ("still running", "36"),
    LOST: ("lost", "31"),
}
"""Where nobody knows which answer is right."""
MIN_WIDTH = 20


def draw_branches(
    rows: Sequence[Sequence[str]],
    marks: Sequence[str],
    delta: int,
    meanings: Meanings,
    width: int,
    colour: bool,
    notes: Sequence[str] = (),
) -> list[str]:
    """Return the lines of a picture: the rows, the meaning of the symbols in them, and the size of a cell.

    If the deepest branch does not fit, one cell stands for several intervals and shows the last one.

    Args:
        rows: for each branch a symbol for each interval.
        marks: the symbol for the end of each branch.
        delta: tokens of one interval.
        meanings: the symbols.
        width: columns of the terminal, at least `MIN_WIDTH`.
        colour: whether to add ANSI colour codes.
        notes: a few words behind each branch, which are left out of a picture that has no room for them.
    """
    label = len(str(max(len(rows) - 1, 0)))
    deepest = max(map(len, rows), default=0)
    longest = max((len(note) + 1 for note in notes if note), default=0)
    if width - label - 2 - longest < MIN_WIDTH:
        notes, longest = (), 0
    group = max(1, -(-deepest // (width - label - 2 - longest)))
    lines, used = [], set[str]()
    for b, (row, mark) in enumerate(zip(rows, marks, strict=True)):
        cells = "".join(row[min(first + group, len(row)) - 1] for first in range(0, len(row), group)) + mark
        used |= set(cells)
        note = f" {notes[b]}" if notes and notes[b] else ""
        lines.append(f"{b:>{label}} {_painted(cells, meanings, colour)}{note}")
    lines += _legend([symbol for symbol in meanings if symbol in used], meanings, width, colour)
    if deepest:
        cell = "1 interval" if group == 1 else f"{group} intervals"
        lines += textwrap.wrap(f"one cell: {cell}, {group * delta:,} tokens", width)
    return lines


def _painted(cells: str, meanings: Meanings, colour: bool) -> str:
    if not colour:
        return cells
    return "".join(f"\x1b[{meanings[symbol][1]}m{''.join(run)}\x1b[0m" for symbol, run in groupby(cells))


def _legend(symbols: Iterable[str], meanings: Meanings, width: int, colour: bool) -> list[str]:
    """Return the meaning of ``symbols`` in lines of at most ``width`` columns; colour codes do not count."""
    lines: list[str] = []
    room = 0
    for symbol in symbols:
        meaning = meanings[symbol][0]
        size = len(meaning) + 4
        item = f"{_painted(symbol, meanings, colour)} {meaning}"
        if size > room:
            lines.append(item)
            room = width - size + 2
        else:
            lines[-1] += f"  {item}"
            room -= size
    return lines
