"""The order in which the candidates of a step get their workers: pure, so that a simulation runs the same code."""

from __future__ import annotations

from collections.abc import Collection, Iterable


class InOrderWindow:
    """Says which of ``count`` candidates may work now, if at most ``at_once`` work at the same time.

    Candidates are decided one by one in their order: the first undecided one is the `head`. The earliest candidates
    work first, and a candidate that works ahead and then waits for its turn takes no place.

    Args:
        count: number of candidates.
        at_once: candidates that may work at the same time.
        alone: indices of candidates that work only as the head, and only while no other works: the process has died
            while they worked, so that another death tells whose fault it is.
    """

    def __init__(self, count: int, at_once: int, alone: Collection[int] = ()) -> None:
        if at_once < 1:
            raise ValueError(f"candidates at once is {at_once}, but must be at least 1")
        self.count, self.at_once, self.head = count, at_once, 0
        self.working: set[int] = set()
        self._alone = frozenset(alone)

    @property
    def done(self) -> bool:
        """Whether all candidates are decided."""
        return self.head == self.count

    def startable(self, wanting: Iterable[int]) -> list[int]:
        """Return those of the candidates that want to work which may begin now, the earliest first."""
        places = self.at_once - len(self.working)
        end = min((i for i in self._alone if i >= self.head), default=self.count)
        if end == self.head:  # the head works alone
            wanted = [self.head] if self.head in set(wanting) and not self.working else []
        else:
            wanted = sorted(i for i in wanting if self.head <= i < end and i not in self.working)
        return wanted[: max(0, places)]

    def began(self, index: int) -> None:
        """Note that a candidate works."""
        self.working.add(index)

    def rested(self, index: int) -> None:
        """Note that the work of a candidate has ended, or a part of it."""
        self.working.discard(index)

    def decided(self) -> None:
        """Note that the head is decided, whether it still works or not."""
        self.head += 1
