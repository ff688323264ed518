"""What every entry of the action logs did: how far its branch went, what that showed, and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .contract.replay import ADVANCE, PROBE, RUN, STEP
from .episodes import Episodes, Logs
from .store import Environment


@dataclass(frozen=True)
class LogEntries:
    """One row for each of the I entries of ``Logs.indices``: one branch in one record."""

    record: npt.NDArray[np.int64]
    """(I,) records, counted over all the logs."""
    episode: npt.NDArray[np.int64]
    """(I,) episodes, counted over all the logs."""
    key: npt.NDArray[np.int64]
    """(I,) episode x max_branches + branch: one number for each branch that an episode may open."""
    order: npt.NDArray[np.int64]
    """(I,) the entries by key, and by time within it."""
    verb: npt.NDArray[np.uint8]
    """(I,)"""
    repeats: npt.NDArray[np.int64]
    """(I,)"""
    before: npt.NDArray[np.int64]
    """(I,) depth before the record, in intervals."""
    after: npt.NDArray[np.int64]
    """(I,) depth after it."""
    ended: npt.NDArray[np.bool_]
    """(I,) whether it finished its branch."""
    tokens: npt.NDArray[np.int64]
    """(I,) tokens that it cost, probes included."""
    span: npt.NDArray[np.int64]
    """(I,) tokens that it generated one after another."""
    cells: npt.NDArray[np.int32]
    """The answers of every branch of all environments end to end: those of its probes, then the final one."""
    cell: npt.NDArray[np.int64]
    """(I,) where the branch's answers begin in ``cells``."""

    @cached_property
    def shown(self) -> npt.NDArray[np.bool_]:
        """(I,) whether the answer at depth ``after`` was shown by it."""
        shown: npt.NDArray[np.bool_] = (self.verb == STEP) | (self.verb == PROBE) | self.ended
        return shown


def log_entries(episodes: Episodes, logs: Logs, first: int = 0) -> LogEntries:
    """Return what each entry of ``logs`` did, which are those of the episodes from ``first`` on.

    The logs must be ones that `scoring.score` accepts: nothing is checked again here.
    """
    here = slice(first, first + len(logs))
    record = np.repeat(np.arange(len(logs.verbs)), logs.counts)
    episode = logs.episode_of_record[record]
    which = logs.indices.astype(np.int64)
    verb, repeats = logs.verbs[record], logs.repeats.astype(np.int64)[record]
    env = episodes.environment[here][episode]
    bases = np.cumsum([0, *(len(e.final_answers) for e in episodes.environments)])
    branch = episodes.opened[here][episode, which] + bases[env]
    probes, totals, starts, cells = branch_tables(episodes.environments)
    ends = probes[branch]

    key = episode * episodes.max_branches + which
    order = np.argsort(key, kind="stable")
    moves = (verb == STEP) | (verb == ADVANCE)
    runs = verb == RUN
    amount = np.where(moves, repeats, 0)
    before = _running_sum(amount, key, order) - amount
    after = np.where(runs, ends + 1, before + amount)
    ended = runs | (moves & (after > ends))

    delta = np.array([e.delta for e in episodes.environments], np.int64)[env]
    price = np.array([e.probe_cost for e in episodes.environments], np.int64)[env]
    whole = np.where(moves, repeats - ended, 0)
    tail = np.where(ended, np.maximum(0, totals[branch] - delta * (before + whole)), 0)
    probed = np.where(verb == STEP, whole, verb == PROBE)
    return LogEntries(
        record=record,
        episode=episode,
        key=key,
        order=order,
        verb=verb,
        repeats=repeats,
        before=before,
        after=after,
        ended=ended,
        tokens=delta * whole + tail + price * probed,
        span=delta * whole + tail,
        cells=cells,
        cell=starts[branch],
    )


def _running_sum(
    amount: npt.NDArray[np.int64], key: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the sum of ``amount`` up to and with each entry over the entries of the same key."""
    keys, amounts = key[order], amount[order]
    total = np.cumsum(amounts)
    fresh = np.flatnonzero(np.diff(keys, prepend=-1))
    sizes = np.diff(fresh, append=len(keys))
    result = np.empty_like(amount)
    result[order] = total - np.repeat((total - amounts)[fresh], sizes)
    return result


_Lookups = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


def branch_tables(environments: tuple[Environment, ...]) -> _Lookups:
    """Return each branch's probes, tokens and first cell, and all cells, of all environments end to end."""
    probes = np.concatenate([env.probes for env in environments]).astype(np.int64)
    totals = np.concatenate([env.total_tokens for env in environments]).astype(np.int64)
    starts = np.cumsum(probes + 1) - (probes + 1)
    cells = np.empty(int(probes.sum()) + len(probes), np.int32)
    final = np.zeros(len(cells), bool)
    final[starts + probes] = True
    cells[final] = np.concatenate([env.final_answers for env in environments])
    cells[~final] = np.concatenate([env.probe_answers for env in environments])
    return probes, totals, starts, cells
