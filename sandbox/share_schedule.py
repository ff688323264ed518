"""How a run is cut into shares, and which late shares get a second copy.

This module knows no clock, no thread and no cluster: `sandbox.cluster` runs shares by it, and
`benchmarks.scheduling` simulates hundreds of nodes with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

LEAST, MOST = 16, 512
"""Episodes of a share: fewer are not worth a task, and more are lost with a node."""
EACH_SLOT = 3
"""Shares for each slot, so that slots end at nearly the same time."""
LATE = 3.0
"""A share is late after so many times the time of the middle share."""
LEAST_LATE = 2.0
"""Seconds after which a share may be late."""


def share_size(episodes: int, slots: int, runs: int = 1) -> int:
    """Return the number of episodes of a share.

    Args:
        episodes: episodes of the run.
        slots: shares that are played at the same time.
        runs: runs that have these slots between them.
    """
    mine = max(1, math.ceil(slots / max(1, runs)))
    return min(MOST, max(LEAST, math.ceil(episodes / (EACH_SLOT * mine))))


class ShareBoard:
    """The shares of one run: those that are open, and those that are late.

    Args:
        count: the number of shares.
    """

    def __init__(self, count: int) -> None:
        self.open = set(range(count))
        """Shares whose result is still needed."""
        self._began: dict[int, float] = {}
        self._copies: Counter[int] = Counter()
        self._durations: list[float] = []

    def submitted(self, share: int, now: float) -> None:
        """Note that a share, or a copy of it, was given to the nodes at ``now`` seconds."""
        self._began.setdefault(share, now)
        self._copies[share] += 1

    def ended(self, share: int, now: float) -> bool:
        """Note the result of a share or of a copy; return whether it is the first one, which counts."""
        self._copies[share] -= 1
        if share not in self.open:
            return False
        self._durations.append(now - self._began[share])
        self.open.discard(share)
        return True

    def needless(self, shares: Iterable[int]) -> None:
        """Note that the results of ``shares`` do not matter any more."""
        self.open.difference_update(shares)

    def late(self, now: float, free: int) -> list[int]:
        """Return the shares that should get a second copy at ``now``, the oldest first.

        Args:
            now: seconds.
            free: slots that nothing else waits for.
        """
        if not self._durations or free <= 0:
            return []
        middle = sorted(self._durations)[len(self._durations) // 2]
        before = now - max(LEAST_LATE, LATE * middle)
        late = [share for share in self.open if self._began.get(share, now) < before and self._copies[share] == 1]
        return sorted(late, key=lambda share: (self._began[share], share))[:free]
