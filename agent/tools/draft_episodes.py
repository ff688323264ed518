"""Selects the part of the search set on which drafts are tried."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt

from autotts.envs.counting import counted
from autotts.envs.episodes import Episodes

BETAS = 6
"""Betas of a try, spread over the grid."""
ORDERS = 3
"""Branch orders of a try: with a single one, successive tries would over-fit to it."""
EPISODES = 1080
"""Approximate episodes of a try: few enough that a good candidate takes about a second."""


def part_of(episodes: Episodes, seed: int = 0) -> npt.NDArray[np.int64]:
    """Return the indices of the episodes on which drafts are tried: some betas, some branch orders, all environments.

    Each environment plays equally many pairs of question and branch order, as far as it has them: first every question
    once, with the orders taking turns. The same pairs are played at every beta.

    Args:
        episodes: the whole search set.
        seed: seed of the choice of orders and questions; each task has another, so that no part is over-fitted.
    """
    grid, seeds = np.unique(episodes.beta), np.unique(episodes.order).tolist()
    betas = grid[np.unique(np.linspace(0, len(grid) - 1, min(BETAS, len(grid))).round().astype(int))]
    orders = Random(f"{seed} orders").sample(seeds, min(ORDERS, len(seeds)))
    most = max(2, EPISODES // (len(betas) * len(episodes.environments)))
    chosen = np.zeros(len(episodes), bool)
    for e, env in enumerate(episodes.environments):
        # environments of equal size are assumed to hold the same questions, and play the same ones: they stay paired
        questions = Random(f"{seed} {len(env)}").sample(range(len(env)), len(env))
        turns = [(q, orders[(i + r) % len(orders)]) for r in range(len(orders)) for i, q in enumerate(questions)]
        played = np.zeros((len(env), len(seeds)), bool)
        for question, order in turns[:most]:
            played[question, seeds.index(order)] = True
        mine = np.flatnonzero(episodes.environment == e)
        chosen[mine] = played[episodes.question[mine], np.searchsorted(seeds, episodes.order[mine])]
    return np.flatnonzero(chosen & np.isin(episodes.beta, betas))


def smoke_of(part: Episodes) -> npt.NDArray[np.int64]:
    """Return the indices of a few episodes of ``part``, two per beta: enough to reveal most crashes."""
    chosen: set[int] = set()
    for i, beta in enumerate(np.unique(part.beta).tolist()):
        mine = np.flatnonzero(part.beta == beta).tolist()
        chosen |= {mine[7 * i % len(mine)], mine[-1 - 7 * i % len(mine)]}
    return np.array(sorted(chosen), np.int64)


def about_part(part: Episodes) -> str:
    """Describe a part: its episodes, questions, environments, betas and branch orders."""
    betas, orders = len(np.unique(part.beta)), len(np.unique(part.order))
    pairs = np.stack([part.environment, part.question])
    questions = len(np.unique(pairs, axis=1).T)
    return (
        f"{len(part):,} episodes: {counted(questions, 'question')} of "
        f"{counted(len(part.environments), 'environment')}, "
        f"{counted(betas, 'beta')}, {counted(orders, 'branch order')}"
    )
