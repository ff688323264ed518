"""The width x depth picture of one episode: a row per branch, a cell per interval, coloured by the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...diagnosis.drawing import STATES, DrawnEpisode
from .picture import colours, save, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MEANING = ("right", "wrong", "no answer", "pruned away", "not seen")
_VOTES = 4
"""Answers that the title shows, at most."""
_GRIDDED = 120
"""Intervals up to which cells are separated by lines."""


def draw_trace(episode: DrawnEpisode, path: Path) -> None:
    """Draw ``episode`` to ``path``."""
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
        axis.pcolormesh(
            np.arange(deepest + 1) + 0.5, np.arange(len(cells) + 1) - 0.5, cells,
            cmap=ListedColormap([*paint, "white"]), vmin=-0.5, vmax=len(STATES) + 0.5,
            edgecolors="white" if deepest <= _GRIDDED else "face", linewidth=0.6 if deepest <= _GRIDDED else 0.0,
        )  # fmt: skip
        axis.invert_yaxis()
        axis.grid(False)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.yaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set(xlabel=f"depth, intervals of {episode.delta:,} tokens", ylabel="branch")
        axis.set_title("\n".join(title(episode)), loc="left")
        keys = [Patch(color=colour, label=word) for colour, word in zip(paint, _MEANING, strict=True)]
        axis.legend(handles=keys, loc="upper left", bbox_to_anchor=(1.01, 1.0), frameon=False, borderaxespad=0)

    save(path, (9.0, max(2.4, 1.4 + 0.14 * len(cells))), draw)


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


def _word(episode: DrawnEpisode, answer: int) -> str:
    return short(episode.answers[answer], 20) if answer else "no answer"
