"""Follows action logs that fork or verify branches: which recorded branch stands behind each branch of an episode.

Without forks, the order of opening says it alone. With forks, it depends on the log. So the logs that fork or verify
are followed here record by record, and checked on the way; all others are left to `scoring`, which checks whole
batches at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from .contract.action_log import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERIFY
from .contract.recording import NEAREST, RecordedForks, branch_order
from .environment import Environment
from .episodes import Episodes, Logs


class ForgedLog(Exception):
    """A log cannot come from a controller that uses the contract.

    Attributes:
        episode: index of the episode in the batch.
    """

    def __init__(self, message: str, episode: int) -> None:
        super().__init__(message)
        self.episode = episode


@dataclass(frozen=True, slots=True)
class OpenedBranches:
    """The recorded branches that E episodes opened."""

    branch: npt.NDArray[np.int32]
    """(E, max_branches) the branch of the environment behind each one, by opening; -1 if there is none. Those that
    the episode might have opened next, without forks, follow those that it opened."""
    start: npt.NDArray[np.int32]
    """(E, max_branches) the depth at which each was opened: 0, or that of its fork."""
    columns: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    """The answers of forks that were recorded at a lower depth than they were opened, by episode and branch: those of
    the branch that was forked, then their own. All other branches have the recorded answers."""

    @classmethod
    def unforked(cls, episodes: Episodes, first: int = 0, last: int | None = None) -> OpenedBranches:
        """Return the branches of the episodes ``first:last`` of a batch, if they fork nothing."""
        opened = episodes.opened[first:last]
        return cls(opened, np.broadcast_to(np.zeros(1, np.int32), opened.shape))

    @classmethod
    def joined(cls, parts: Sequence[OpenedBranches]) -> OpenedBranches:
        """Return the branches of several batches as one, without ``columns``."""
        return cls(np.concatenate([part.branch for part in parts]), np.concatenate([part.start for part in parts]))


def opened_branches(episodes: Episodes, logs: Logs, first: int = 0) -> OpenedBranches:
    """Return the branches that episodes opened.

    Args:
        episodes: the batch.
        logs: logs of the episodes from ``first`` on.
        first: index in the batch of the first episode of ``logs``.

    Raises:
        ForgedLog: a log that forks or verifies does what the contract forbids.
    """
    followers: dict[int, LogFollower] = {}
    for e in np.flatnonzero(has_extensions(logs)).tolist():
        followers[e] = LogFollower(episodes, first + e)
        try:
            followers[e].follow(logs, e)
        except _Impossible as impossible:
            raise ForgedLog(str(impossible), first + e) from None
    return branches_of(OpenedBranches.unforked(episodes, first, first + len(logs)), followers)


def branches_of(unforked: OpenedBranches, followers: Mapping[int, LogFollower]) -> OpenedBranches:
    """Return the branches that episodes opened.

    Args:
        unforked: those that they would have opened without forks.
        followers: the followed logs of all episodes that fork, and of others perhaps.
    """
    if not followers:
        return unforked
    result = OpenedBranches(unforked.branch.copy(), unforked.start.copy())
    most = result.branch.shape[1]
    for e, follower in followers.items():
        width = len(follower.branch)
        result.branch[e] = -1
        branches = [*follower.branch, *follower.unopened()][:most]
        result.branch[e, : len(branches)], result.start[e, :width] = branches, follower.start
        result.columns.update({(e, i): column for i, column in follower.columns.items()})
    return result


def has_extensions(logs: Logs) -> npt.NDArray[np.bool_]:
    """Return (E,) whether each log forks or verifies."""
    result = np.zeros(len(logs), bool)
    records = np.flatnonzero(logs.verbs >= FORK)
    if len(records):
        result[np.searchsorted(logs.record_offsets, records, side="right") - 1] = True
    return result


def order_of(env: Environment, question: int, order: int) -> list[int]:
    """Return the numbers of the branches of a question in the branch order ``order``, the forks after the roots."""
    mine = slice(env.branches(question).start, env.branches(question).stop)
    assert env.parents is not None and env.fork_depths is not None
    return branch_order(env.parents[mine].tolist(), env.fork_depths[mine].tolist(), order)


class _Impossible(Exception):
    """A record that the contract forbids."""


class LogFollower:
    """The state of one episode while its log is followed.

    Args:
        episodes: the batch.
        index: the episode in the batch.

    Attributes:
        branch: the branches of the environment that are open, by opening; so are ``start``, ``depth`` and ``ends``.
        start: the depth at which each was opened.
        depth: the intervals that each has run.
        ends: the depth from which on each has finished, less 1.
        forked_from: the branch that each fork was forked from, both by opening.
    """

    def __init__(self, episodes: Episodes, index: int) -> None:
        self.env = env = episodes.environments[episodes.environment[index]]
        self.question, self.order = int(episodes.question[index]), int(episodes.order[index])
        self.first = env.branches(self.question).start
        self.most = episodes.max_branches
        self.roots = [branch for branch in episodes.opened[index].tolist() if branch >= 0]
        self.branch: list[int] = []
        self.start: list[int] = []
        self.columns: dict[int, list[int]] = {}
        self.depth: list[int] = []
        self.ends: list[int] = []  # intervals of each branch but its last one
        self.pruned: set[int] = set()
        self.unseen: set[int] = set()
        self.verified: dict[int, int] = {}
        self.forked_from: dict[int, int] = {}
        self._forks: RecordedForks | None = None

    def follow(self, logs: Logs, e: int) -> None:
        """Follow the log of episode ``e`` of ``logs``."""
        records = range(int(logs.record_offsets[e]), int(logs.record_offsets[e + 1]))
        for record in records:
            at = slice(int(logs.index_offsets[record]), int(logs.index_offsets[record + 1]))
            self._take(int(logs.verbs[record]), int(logs.repeats[record]), logs.indices[at].tolist())

    def unopened(self) -> list[int]:
        """Return the roots that are not open."""
        return self.roots[len(self.branch) - len(self.forked_from) :]

    def recorded_forks(self) -> RecordedForks:
        """Return the forks of the question that the episode has not taken. The environment has forks."""
        if self._forks is None:
            env = self.env
            assert env.parents is not None and env.fork_depths is not None
            mine = slice(self.first, env.branches(self.question).stop)
            parents, depths = env.parents[mine].tolist(), env.fork_depths[mine].tolist()
            order = branch_order(parents, depths, self.order)
            self._forks = RecordedForks(parents, depths, order, env.fork_rule == NEAREST)
        return self._forks

    def _take(self, verb: int, times: int, indices: Sequence[int]) -> None:
        for i in indices:
            if verb == BRANCH:
                self._branch(i)
                continue
            if i >= len(self.branch):
                raise _Impossible("a branch used before it was opened")
            if i in self.pruned:
                raise _Impossible("an action on a pruned branch")
            finished = self.depth[i] > self.ends[i]
            if verb in (STEP, ADVANCE, RUN):
                self._move(i, verb, times)
            elif verb == PRUNE:
                if finished:
                    raise _Impossible("a finished branch pruned")
                self.pruned.add(i)
            elif verb == PROBE:
                if finished or i not in self.unseen:
                    raise _Impossible("a probe of what is not there, or was seen before")
                self.unseen.discard(i)
            elif verb == VERIFY:
                self._verify(i)
            elif verb == FORK:
                self._fork(i, finished)

    def _branch(self, i: int) -> None:
        opened = len(self.branch)
        taken = opened - len(self.forked_from)
        if taken == len(self.roots) or opened == self.most:
            raise _Impossible("more branches opened than there are")
        if i != opened:
            raise _Impossible("branches opened out of order")
        self._open(self.roots[taken], 0, 0)

    def _open(self, branch: int, depth: int, ends: int) -> None:
        self.branch.append(branch)
        self.start.append(depth)
        self.depth.append(depth)
        self.ends.append(max(int(self.env.probes[branch]), ends))

    def _move(self, i: int, verb: int, times: int) -> None:
        left = self.ends[i] + 1 - self.depth[i]
        if left == 0 or (verb != RUN and times > left):
            raise _Impossible("a branch advanced after it had finished")
        self.depth[i] += left if verb == RUN else times
        if verb == ADVANCE:
            self.unseen.add(i)
        else:
            self.unseen.discard(i)

    def _verify(self, i: int) -> None:
        if self.env.verifier is None:
            raise _Impossible("a verification without a verifier")
        if not self.depth[i] or self.verified.get(i) == self.depth[i]:
            raise _Impossible("a verification of what is not there, or was verified before")
        self.verified[i] = self.depth[i]

    def _fork(self, i: int, finished: bool) -> None:
        env, depth, new = self.env, self.depth[i], len(self.branch)
        if finished or not depth:
            raise _Impossible("a fork of a branch that does not run")
        if new == self.most:
            raise _Impossible("more branches opened than there are")
        if env.parents is None or env.fork_depths is None:
            raise _Impossible("a fork that is not recorded")
        forks = self.recorded_forks()
        source = i
        while source in self.forked_from and self.start[source] == depth:
            source = self.forked_from[source]
        origin = self.branch[source] - self.first
        if not forks.has(origin, depth):
            raise _Impossible("a fork that is not recorded, or was opened before")
        child = self.first + forks.take(origin, depth)
        self._open(child, depth, depth)
        self.forked_from[new] = i
        if env.fork_depths[child] < depth:
            own = recorded_answers(env, child)
            parent = self.columns.get(i) or recorded_answers(env, self.branch[i])
            self.columns[new] = parent[:depth] + (own[depth:] or own[-1:])
        if i in self.unseen:
            self.unseen.add(new)
        if self.verified.get(i) == depth:
            self.verified[new] = depth


def recorded_answers(env: Environment, branch: int) -> list[int]:
    """Return the answers of a branch: those of its probes, then its final one."""
    probes = env.probe_answers[env.probe_offsets[branch] : env.probe_offsets[branch + 1]]
    return [*probes.tolist(), int(env.final_answers[branch])]
