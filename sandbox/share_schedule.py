"""How a run is cut into shares, and which late shares get a second copy.

This module knows no clock, no thread and no cluster: `sandbox.cluster` runs shares by it, and
`benchmarks.scheduling` simulates hundreds of nodes with it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

LEAST, MOST = 16, 256
"""Episodes of a share: fewer are not worth a task, unless they are slow, and more are lost with a node."""
EACH_SLOT = 3
"""Shares for each slot, so that slots end at nearly the same time."""
SHARE_SECONDS = 1.0
"""Seconds of a share at the most, once the pace of the candidate is known: at the end of a step of the search, the last
shares keep few nodes busy."""
_PACES = 1024
LATE = 3.0
"""A share is late after so many times the time of the middle share."""
LEAST_LATE = 2.0
"""Seconds after which a share may be late."""


class Pace:
    """The time that the episodes of a candidate have taken so far."""

    def __init__(self) -> None:
        self._episodes, self._seconds = 0, 0.0

    def add(self, episodes: int, seconds: float) -> None:
        """Note that a node has taken so many seconds for so many episodes."""
        self._episodes += episodes
        self._seconds += seconds

    @property
    def each(self) -> float:
        """Seconds of an episode; 0 if nothing is known."""
        return self._seconds / self._episodes if self._episodes else 0.0


class Paces:
    """The paces of the latest candidates, by source: the audit of a candidate knows the pace of its evaluation."""

    def __init__(self) -> None:
        self._paces: dict[str, Pace] = {}

    def of(self, source: str) -> Pace:
        """Return the pace of a candidate."""
        pace = self._paces.pop(source, None) or Pace()
        self._paces[source] = pace  # the latest is the last
        for old in list(self._paces)[:-_PACES]:
            self._paces.pop(old, None)
        return pace


def share_size(episodes: int, slots: int, runs: int = 1, each: float = 0.0) -> int:
    """Return the number of episodes of a share.

    Args:
        episodes: episodes of the run.
        slots: shares that are played at the same time.
        runs: runs that have these slots between them.
        each: seconds of an episode (`Pace.each`).
    """
    mine = max(1, math.ceil(slots / max(1, runs)))
    most = min(MOST, max(1, int(SHARE_SECONDS / each))) if each > 0 else MOST
    return max(min(LEAST, most), min(most, math.ceil(episodes / (EACH_SLOT * mine))))


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
