"""The parts of a batch on which a candidate is tried one after another: nested, balanced, and the same for all."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from envs.episodes import Episodes

Ints = npt.NDArray[np.int64]

SHARES = (0.015, 0.03, 0.1, 0.3)
"""Parts of the batch after which a candidate is looked at, before the whole of it."""
LEAST = 64
"""Episodes below which a look would tell nothing."""
_LEAST_AT_A_BETA = 4


def order(episodes: Episodes, seed: int) -> Ints:
    """Return all of a batch in the order in which candidates run it.

    Every beginning of it is balanced: it has about as many episodes of every beta; those of a beta are spread over the
    environments, and over as many questions as can be; other betas have other questions, and other branch orders. What
    comes first is drawn at random, any episode as likely as another.
    """
    chance = np.random.default_rng(seed)
    cell, cells = _cells(episodes, chance)
    betas, beta = np.unique(episodes.beta, return_inverse=True)
    turn = chance.permutation(len(betas))[beta]
    orders, which = np.unique(episodes.order, return_inverse=True)
    first = chance.integers(len(orders), size=cells)
    visit = (first[cell] + which + turn) % len(orders)
    place = visit * cells + (cell - turn * cells // len(betas)) % cells
    ordered: Ints = np.lexsort((turn, place))
    return ordered


def _cells(episodes: Episodes, chance: np.random.Generator) -> tuple[Ints, int]:
    """Return (E,) the place of each episode's question among all, environments taking turns, and how many there are."""
    sizes = [len(env) for env in episodes.environments]
    turns = np.concatenate([(chance.permutation(n) + chance.random()) / n for n in sizes])
    places = np.empty(len(turns), np.int64)
    places[np.argsort(turns, kind="stable")] = (np.arange(len(turns)) + chance.integers(len(turns))) % len(turns)
    starts = np.cumsum([0, *sizes])[:-1]
    return places[starts[episodes.environment] + episodes.question], len(turns)


def looks(episodes: Episodes) -> list[int]:
    """Return after how many episodes a candidate is looked at."""
    least = max(LEAST, _LEAST_AT_A_BETA * len(np.unique(episodes.beta)))
    found = {round(share * len(episodes)) for share in SHARES}
    return sorted(n for n in found if least <= n < len(episodes))
