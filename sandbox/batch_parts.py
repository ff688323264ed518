"""Orders of opening of a batch, and the ranges of its episodes that fit into a message."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes
from autotts.envs.opened_branches import order_of

from .sealing import RecordedQuestions


def orders_of_batch(
    episodes: Episodes, recorded: RecordedQuestions, question: npt.NDArray[np.int64]
) -> tuple[list[npt.NDArray[np.int32]], npt.NDArray[np.int64]]:
    """Return the orders of opening, and (E,) the order of each episode. Orders with forks belong to one question."""
    number = {key: i for i, key in enumerate(episodes.permutations)}
    orders = list(episodes.permutations.values())
    sizes = recorded.widths()[question]
    order = np.zeros(len(episodes), np.int64)
    forked = np.array([env.parents is not None for env in episodes.environments], bool)[episodes.environment]
    plain = np.flatnonzero(~forked)
    keys = zip(sizes[plain].tolist(), episodes.order[plain].tolist(), strict=True)
    order[plain] = np.array([number[key] for key in keys], np.int64)
    found: dict[tuple[int, int], int] = {}
    for e in np.flatnonzero(forked).tolist():
        key = int(question[e]), int(episodes.order[e])
        if key not in found:
            found[key] = len(orders)
            env = episodes.environments[episodes.environment[e]]
            orders.append(np.array(order_of(env, int(episodes.question[e]), key[1]), np.int32))
        order[e] = found[key]
    return orders, order


def ranges_of_group(
    group: npt.NDArray[np.int64], question: npt.NDArray[np.int64], sizes: npt.NDArray[np.int64], most: int,
    room: int,
) -> Iterator[npt.NDArray[np.int64]]:
    """Yield ranges of at most ``most`` episodes of a group, whose questions take at most ``room`` bytes.

    Args:
        group: the episodes.
        question: (E,) the question of each episode of the batch.
        sizes: the bytes of each question in a message.
        most: the most episodes of a range.
        room: the bytes of a message.
    """
    first, held, taken = 0, set[int](), 0
    for position, number in enumerate(question[group].tolist()):
        if number not in held:
            taken += int(sizes[number])
        if position - first >= most or (taken > room and position > first):
            yield group[first:position]
            first, held, taken = position, set(), int(sizes[number])
        held.add(number)
    yield group[first:]
