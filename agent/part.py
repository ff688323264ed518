"""The part of the search set on which drafts are tried."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from envs.episodes import Episodes

BETAS = 4
"""Betas of a quick try, spread over the grid."""
EPISODES = 480
"""Episodes of a quick try, about: few enough for a good candidate to be through in well under a second."""


def part_of(episodes: Episodes) -> npt.NDArray[np.int64]:
    """Return the episodes on which drafts are tried: a few betas, the first branch order, all environments.

    Each environment has as many questions as the others, as far as it goes, spread evenly over all that it has.
    """
    grid = np.unique(episodes.beta)
    betas = grid[np.unique(np.linspace(0, len(grid) - 1, min(BETAS, len(grid))).round().astype(int))]
    most = max(2, EPISODES // (len(betas) * len(episodes.environments)))
    chosen = np.isin(episodes.beta, betas) & (episodes.seed == episodes.seed.min())
    for e, env in enumerate(episodes.environments):
        spread = np.unique(np.linspace(0, len(env) - 1, min(most, len(env))).round().astype(int))
        chosen &= (episodes.environment != e) | np.isin(episodes.question, spread)
    return np.flatnonzero(chosen)


def about_part(part: Episodes) -> str:
    """Return in words what a part holds."""
    betas, orders = len(np.unique(part.beta)), len(np.unique(part.seed))
    pairs = np.stack([part.environment, part.question])
    questions = len(np.unique(pairs, axis=1).T)
    return (
        f"{len(part):,} episodes: {_many(questions, 'question')} of {_many(len(part.environments), 'environment')}, "
        f"{_many(betas, 'beta')}, {_many(orders, 'branch order')}"
    )


def _many(n: int, what: str) -> str:
    return f"{n:,} {what}" + ("" if n == 1 else "s")
