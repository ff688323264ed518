"""What the logs of a batch reveal: how far each branch ran, and which of its answers and scores were shown."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import FORK, PROBE, RUN, VERIFY
from autotts.envs.episodes import Episodes, Logs
from autotts.envs.log_entries import LogEntries, log_entries
from autotts.envs.opened_branches import OpenedBranches, branches_of
from autotts.envs.token_limit import longest_refusals

from .fork_log import ForkWatcher
from .tables import Bools, Ints, RecordedTables


@dataclass(frozen=True)
class BranchEntries:
    """Entries of logs (see `LogEntries`): one branch in one record each."""

    episode: Ints
    key: Ints
    """(I,) episode x max_branches + the number of the branch."""
    verb: npt.NDArray[np.uint8]
    before: Ints
    after: Ints
    ended: Bools

    def part(self, which: Ints | Bools) -> BranchEntries:
        """Return the entries ``which``."""
        return BranchEntries(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True)
class RanBranches:
    """How far branches ran: (E * B,) columns, by episode x max_branches + the number of the branch."""

    advanced: Ints
    """Intervals that the branch ran, with those that it shares with the branch from which it was forked."""
    finished: Bools
    refused: Ints
    """Under a limit on tokens, what `longest_refusals` says of a branch before its last interval, where this is longer
    than a whole one; -1 for any other branch."""
    entries: BranchEntries


@dataclass(frozen=True)
class RevealedLogs:
    """What the logs of E episodes reveal."""

    roots: RanBranches
    """The branches that are no forks, numbered among each other by opening. What was shown of an interval that a fork
    shares counts as shown of the root."""
    forks: RanBranches | None
    """The forks, numbered by opening among all branches; None if no episode forks."""
    watched: dict[int, ForkWatcher]
    """What the log tells of the forks of a question, for each episode on an environment whose forks are shown."""


def revealed_logs(episodes: Episodes, logs: Logs, tables: RecordedTables, watched: Bools) -> RevealedLogs:
    """Return what logs reveal.

    Args:
        episodes: the E episodes.
        logs: their logs.
        tables: the recorded branches.
        watched: (E,) whether the forks of the environment are shown to the candidate.
    """
    E, B = len(episodes), episodes.max_branches
    watchers: dict[int, ForkWatcher] = {}
    for e in np.flatnonzero(watched).tolist():
        watchers[e] = ForkWatcher(episodes, e)
        watchers[e].follow(logs, e)
    opened = branches_of(OpenedBranches.unforked(episodes), watchers)  # who verifies alone opens what others open
    done = log_entries(episodes, logs, tables=tables.branches, opened=opened)
    ran = _ran(episodes, logs, done, opened, tables)
    if not (logs.verbs == FORK).any():
        return RevealedLogs(ran, None, watchers)
    is_root = opened.start == 0
    number = np.where(is_root, np.cumsum(is_root, axis=1) - 1, -1)
    here = np.flatnonzero(is_root)
    there = (np.arange(E)[:, None] * B + number).ravel()[here]
    advanced, finished, refused = np.zeros(E * B, np.int64), np.zeros(E * B, bool), np.full(E * B, -1)
    advanced[there], finished[there], refused[there] = ran.advanced[here], ran.finished[here], ran.refused[here]
    entries = _at_their_sources(ran.entries, opened, watchers, B)
    of_root = is_root.ravel()[entries.key]
    mine = entries.part(of_root)
    mine = replace(mine, key=mine.episode * B + number.ravel()[mine.key])
    roots = RanBranches(advanced, finished, refused, mine)
    return RevealedLogs(roots, replace(ran, entries=entries.part(~of_root)), watchers)


def _ran(
    episodes: Episodes, logs: Logs, done: LogEntries, opened: OpenedBranches, tables: RecordedTables
) -> RanBranches:
    E, B, env = len(episodes), episodes.max_branches, episodes.environment
    branch = opened.branch + tables.bases[env][:, None]
    ends = np.maximum(tables.probes[branch], opened.start)
    advanced, finished = np.zeros(E * B, np.int64), np.zeros(E * B, bool)
    np.maximum.at(advanced, done.key, done.after)
    finished[done.key[done.ended]] = True
    refused = np.full(E * B, -1)
    if episodes.max_tokens is not None:
        delta = tables.delta[env]
        last = (tables.totals[branch] - delta[:, None] * ends).ravel()
        may = longest_refusals(episodes, logs, done, last, episodes.max_tokens)
        at_last = np.maximum(advanced, opened.start.ravel()) == ends.ravel()
        refused = np.where(at_last & ~finished & (may >= np.repeat(delta, B)), may, -1)
    after = _verified_at(done, ends.ravel())
    entries = BranchEntries(done.episode, done.key, done.verb, done.before, after, done.ended)
    return RanBranches(np.maximum(advanced, opened.start.ravel()), finished, refused, entries)


def _verified_at(done: LogEntries, ends: Ints) -> Ints:
    """Return (I,) the depth after each entry: that of a verification is the end of the branch if it ran to it before.

    Args:
        done: the entries.
        ends: (E * B,) the intervals of each branch but its last one.
    """
    verified, runs = np.flatnonzero(done.verb == VERIFY), np.flatnonzero(done.verb == RUN)
    if not len(verified) or not len(runs):
        return done.after
    ran_at = np.full(len(ends), len(done.verb))
    ran_at[done.key[runs]] = runs
    late = verified[ran_at[done.key[verified]] < verified]
    after = done.after.copy()
    after[late] = ends[done.key[late]] + 1
    return after


def _at_their_sources(
    entries: BranchEntries, opened: OpenedBranches, watchers: dict[int, ForkWatcher], B: int
) -> BranchEntries:
    """Return the entries, with each probe and verification of an interval that a fork shares at its source."""
    start = opened.start.ravel()[entries.key]
    shared = (start > 0) & (start == entries.after) & ((entries.verb == PROBE) | (entries.verb == VERIFY))
    key = entries.key.copy()
    for at in np.flatnonzero(shared).tolist():
        e, i = divmod(int(key[at]), B)
        key[at] = e * B + watchers[e].source(i, int(entries.after[at]))
    return replace(entries, key=key)
