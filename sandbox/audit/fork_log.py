"""Follows the logs of episodes with forks: what they tell of the recorded forks of a question."""

from __future__ import annotations

from collections.abc import Sequence

from autotts.envs.contract.action_log import ADVANCE, FORK, STEP
from autotts.envs.contract.recording import NEAREST
from autotts.envs.episodes import Episodes
from autotts.envs.opened_branches import LogFollower

ForkPoint = tuple[int, int]
"""A branch, by opening, and a depth: where recorded forks are counted. Under the rule `NEAREST`, which counts all forks
of a branch together, the depth is 0."""


class ForkWatcher(LogFollower):
    """Follows one log, and notes at every moment what `can_fork` would have said of each running branch.

    Reading is not logged: what a controller could have asked counts as revealed.

    Attributes:
        origin: the branch whose recorded fork each fork is, by opening: the one that holds its last shared interval.
        taken: the forks that were taken at each place.
        known: for each place, whether another fork was left when that could be asked last, and how many were taken.
        rested: the places at which a branch was while it ran, without the depth 0 of `ForkPoint`.
    """

    def __init__(self, episodes: Episodes, index: int) -> None:
        super().__init__(episodes, index)
        self.nearest = self.env.fork_rule == NEAREST
        self.origin: dict[int, int] = {}
        self.taken: dict[ForkPoint, int] = {}
        self.known: dict[ForkPoint, tuple[bool, int]] = {}
        self.rested: dict[ForkPoint, None] = {}

    def source(self, i: int, depth: int) -> int:
        """Return the branch whose recording holds interval ``depth`` of branch ``i``: itself, or one it comes from."""
        while i in self.forked_from and self.start[i] >= depth:
            i = self.forked_from[i]
        return i

    def left(self, place: ForkPoint) -> bool | None:
        """Return whether the log tells that forks are left at a place, or that none is; None if it does not tell."""
        has, taken = self.known.get(place, (None, 0))
        return has if taken == self.taken.get(place, 0) else None

    def _take(self, verb: int, times: int, indices: Sequence[int]) -> None:
        moved = verb in (STEP, ADVANCE)
        before = [self.depth[i] for i in indices] if moved else []
        if verb == FORK:
            for i in indices:
                origin = self.source(i, self.depth[i])
                place = self._place(origin, self.depth[i])
                self.taken[place] = self.taken.get(place, 0) + 1
                self.origin[len(self.branch)] = origin
                super()._take(verb, times, (i,))
                self._could_ask(i, self.depth[i])
            return
        super()._take(verb, times, indices)
        for i, depth in zip(indices, before, strict=False):
            for reached in range(depth + 1, min(self.depth[i], self.ends[i]) + 1):
                self._could_ask(i, reached)

    def _place(self, origin: int, depth: int) -> ForkPoint:
        return origin, 0 if self.nearest else depth

    def _could_ask(self, i: int, depth: int) -> None:
        if len(self.branch) >= self.most:
            return
        origin = self.source(i, depth)
        place = self._place(origin, depth)
        has = self.recorded_forks().has(self.branch[origin] - self.first, depth)
        self.known[place] = has, self.taken.get(place, 0)
        self.rested[origin, depth] = None
