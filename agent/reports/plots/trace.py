"""The width x depth picture of one episode: a row per branch, a cell per interval, coloured by answer or by number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from autotts.envs.errors import InputError

from ...diagnosis.branch_numbers import DrawnNumber
from ...diagnosis.drawing import STATES, DrawnEpisode
from .picture import colours, row, save, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Cells = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_MEANING = ("right", "wrong", "no answer", "pruned away", "not seen")
_VOTES = 4
"""Answers that the title shows, at most."""
_GRIDDED = 120
"""Intervals up to which cells are separated by lines."""


def draw_trace(episode: DrawnEpisode, path: Path, by: str = "") -> None:
    """Draw ``episode`` to ``path``.

    Args:
        episode: the episode.
        path: the file, by whose ending its kind is chosen.
        by: the name of the signal that colours the cells, ``verifier`` for its scores, or "" for the answers.

    Raises:
        InputError: the episode has no such number.
    """
    number = number_of(episode, by) if by else None
    rows = episode.states()
    deepest = max(map(len, rows), default=1)
    cells = np.full((max(1, len(rows)), deepest), len(STATES))
    for cell_row, states in zip(cells, rows, strict=False):
        cell_row[: len(states)] = states

    def draw(figure: Figure) -> None:
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch
        from matplotlib.ticker import MaxNLocator

        axis, paint = figure.add_subplot(), [colours()[state] for state in STATES]
        if number is not None:
            paint = [colours()["unseen"]] * len(STATES)
        axis.pcolormesh(*_edges(cells), cells, cmap=ListedColormap([*paint, "white"]), vmin=-0.5,
                        vmax=len(STATES) + 0.5, **_lines(deepest))  # fmt: skip
        if number is not None:
            _draw_numbers(figure, axis, episode, number, cells)
        _draw_marks(axis, episode)
        axis.invert_yaxis()
        axis.grid(False)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set(xlabel=f"depth, intervals of {episode.delta:,} tokens", ylabel="branch")
        axis.set_title("\n".join([*title(episode), *_meaning(episode, number)]), loc="left")
        keys = [Patch(color=colour, label=word) for colour, word in zip(paint, _MEANING, strict=True)]
        if number is None:
            axis.legend(handles=keys, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0)

    save(path, (9.0, max(2.4, 1.4 + 0.14 * len(cells))), draw)


def number_of(episode: DrawnEpisode, name: str) -> DrawnNumber:
    """Return the signal of this name, or the verifier's scores.

    Raises:
        InputError: the episode has none.
    """
    for number in episode.numbers:
        if number.name == name:
            return number
    names = ", ".join(short(number.name) for number in episode.numbers) or "none"
    raise InputError(f"{short(episode.environment)} has no signal {short(name)!r} to colour by: there are {names}")


def _edges(cells: Cells) -> tuple[Floats, Floats]:
    return np.arange(cells.shape[1] + 1, dtype=np.float64) + 0.5, np.arange(len(cells) + 1, dtype=np.float64) - 0.5


def _lines(deepest: int) -> dict[str, Any]:
    gridded = deepest <= _GRIDDED
    return {"edgecolors": "white" if gridded else "face", "linewidth": 0.6 if gridded else 0.0}


def _draw_numbers(figure: Figure, axis: Axes, episode: DrawnEpisode, number: DrawnNumber, cells: Cells) -> None:
    """Draw the numbers that the episode has shown, cross out those that are missing, and draw the scale."""
    from matplotlib.colors import LinearSegmentedColormap

    shown = np.full(cells.shape, np.nan)
    missing = []
    for branch, values in enumerate(episode.values(number)):
        for cell, value in enumerate(values):
            if value is not None and np.isnan(value):
                missing.append((cell + 1, branch))
            elif value is not None:
                shown[branch, cell] = value
    high = number.high if number.high > number.low else number.low + 1
    mesh = axis.pcolormesh(
        *_edges(cells), np.ma.masked_invalid(shown), cmap=LinearSegmentedColormap.from_list("scale", row("scale")),
        vmin=number.low, vmax=high, **_lines(cells.shape[1]),
    )  # fmt: skip
    if missing:
        x, y = np.array(missing).T
        axis.scatter(x, y, marker="x", color=colours()["absent"], s=14, linewidths=0.8)
    figure.colorbar(mesh, ax=axis, label=short(number.name), extend="both")


def _draw_marks(axis: Axes, episode: DrawnEpisode) -> None:
    """Draw a line from the branch that was forked to each of its forks, and a ring at each verification."""
    for number, branch in enumerate(episode.branches):
        if branch.parent >= 0:
            axis.plot([branch.start + 0.5] * 2, [branch.parent, number], color="black", linewidth=1.2)
            axis.plot(branch.start + 0.5, branch.parent, marker="o", markersize=3, color="black")
    rings = [
        (cell + 1, number) for number, branch in enumerate(episode.branches)
        for cell in range(branch.start, len(branch.cells)) if branch.verified[cell] >= 0
    ]  # fmt: skip
    if rings:
        x, y = np.array(rings).T
        axis.scatter(x, y, marker="o", facecolors="none", edgecolors="black", s=14, linewidths=0.8)


def title(episode: DrawnEpisode) -> list[str]:
    """Return the lines of the title: the episode, its result, and the final vote."""
    votes = episode.votes()
    counts = [f"{_word(episode, answer)} ×{count}" for answer, count in votes[:_VOTES]]
    more = [f"{len(votes) - _VOTES} other answers ×{sum(n for _, n in votes[_VOTES:])}"] if len(votes) > _VOTES else []
    gold = "right" if episode.correct else f"wrong, gold is {_word(episode, episode.gold)}"
    return [
        f"{short(episode.version)} on {short(episode.environment)}, question {episode.question}, "
        f"beta {episode.beta:g}, branch order {episode.order}",
        f"answer {_word(episode, episode.answer)}: {gold}; {episode.tokens:,} tokens, "
        f"{len(episode.branches)} of {episode.max_branches} branches",
        "vote: " + (", ".join([*counts, *more]) or "none"),
    ]


def _meaning(episode: DrawnEpisode, number: DrawnNumber | None) -> list[str]:
    """Return a line with the meaning of colours and marks that only some pictures have."""
    parts = []
    if number is not None:
        higher = f"higher is {number.higher_is}" if number.higher_is else ""
        parts.append(f"colours: {', '.join(filter(None, (short(number.name), number.unit, higher)))}")
        if any(value is not None and np.isnan(value) for values in episode.values(number) for value in values):
            parts.append("crosses: no number")
    if any(branch.parent >= 0 for branch in episode.branches):
        parts.append("lines: forks")
    if any(step.scores for step in episode.steps):
        parts.append("rings: verified")
    return ["; ".join(parts)] if parts else []


def _word(episode: DrawnEpisode, answer: int) -> str:
    return short(episode.answers[answer], 20) if answer else "no answer"
