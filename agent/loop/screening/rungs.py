"""The parts of a batch that a candidate runs one after another: nested, balanced, and the same for all candidates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes

Ints = npt.NDArray[np.int64]

SHARES = (0.015, 0.03, 0.1, 0.3)
"""Shares of the batch after which a candidate is judged, before it has run the whole batch."""
LEAST = 64
"""The smallest number of episodes from which a candidate is judged."""
_LEAST_AT_A_BETA = 4


def order(episodes: Episodes, seed: int) -> Ints:
    """Return the indices of a batch's episodes in the order in which candidates run them.

    Every beginning of the order is balanced. It has about equally many episodes of every beta. The episodes of a beta
    are spread over the environments, and over as many questions as possible; different betas have different questions
    and branch orders. The first episodes are drawn at random, each with the same probability.
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
    """Return (E,) the position of each episode's question among all questions, the environments alternating, and the
    number of questions."""
    sizes = [len(env) for env in episodes.environments]
    turns = np.concatenate([(chance.permutation(n) + chance.random()) / n for n in sizes])
    places = np.empty(len(turns), np.int64)
    places[np.argsort(turns, kind="stable")] = (np.arange(len(turns)) + chance.integers(len(turns))) % len(turns)
    starts = np.cumsum([0, *sizes])[:-1]
    return places[starts[episodes.environment] + episodes.question], len(turns)


def looks(episodes: Episodes) -> list[int]:
    """Return the numbers of episodes after which a candidate is judged."""
    least = max(LEAST, _LEAST_AT_A_BETA * len(np.unique(episodes.beta)))
    found = {round(share * len(episodes)) for share in SHARES}
    return sorted(n for n in found if least <= n < len(episodes))
