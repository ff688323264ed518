"""Computes the effect of every entry of the action logs: the depth reached, the answers shown, and the tokens spent."""

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
    """(I,) index of the record in the logs."""
    episode: npt.NDArray[np.int64]
    """(I,) index of the episode in the logs."""
    key: npt.NDArray[np.int64]
    """(I,) episode x max_branches + branch: a number that identifies the branch of an episode."""
    order: npt.NDArray[np.int64]
    """(I,) the permutation that sorts the entries by key, and by time within a key. Not a branch order."""
    verb: npt.NDArray[np.uint8]
    """(I,)"""
    repeats: npt.NDArray[np.int64]
    """(I,)"""
    before: npt.NDArray[np.int64]
    """(I,) depth before the record, in intervals."""
    after: npt.NDArray[np.int64]
    """(I,) depth after the record, in intervals."""
    ended: npt.NDArray[np.bool_]
    """(I,) whether the entry finished its branch."""
    tokens: npt.NDArray[np.int64]
    """(I,) tokens that the entry cost, including probes."""
    span: npt.NDArray[np.int64]
    """(I,) tokens that the branch generated, which are necessarily sequential."""
    environment: npt.NDArray[np.int32]
    """(I,) index into the environments of the batch."""
    last_interval: npt.NDArray[np.int64]
    """(I,) tokens of the last interval of the branch, whether the entry runs it or not."""
    cells: npt.NDArray[np.int32]
    """The answers of all branches of all environments, one after another: probe answers, then the final answer."""
    cell: npt.NDArray[np.int64]
    """(I,) index of the branch's first answer in ``cells``."""

    @cached_property
    def shown(self) -> npt.NDArray[np.bool_]:
        """(I,) whether the entry showed the answer at depth ``after``."""
        shown: npt.NDArray[np.bool_] = (self.verb == STEP) | (self.verb == PROBE) | self.ended
        return shown


def log_entries(episodes: Episodes, logs: Logs, first: int = 0, tables: BranchTables | None = None) -> LogEntries:
    """Return the effect of each entry of ``logs``.

    Args:
        episodes: the batch.
        logs: logs of the episodes from ``first`` on. `scoring.score` must accept them: nothing is checked again here.
        first: index in the batch of the first episode of ``logs``.
        tables: the `branch_tables` of the batch's environments, if they are at hand.
    """
    here = slice(first, first + len(logs))
    record = np.repeat(np.arange(len(logs.verbs)), logs.counts)
    episode = logs.episode_of_record[record]
    which = logs.indices.astype(np.int64)
    verb, repeats = logs.verbs[record], logs.repeats.astype(np.int64)[record]
    env = episodes.environment[here][episode]
    bases = np.cumsum([0, *(len(e.final_answers) for e in episodes.environments)])
    branch = episodes.opened[here][episode, which] + bases[env]
    probes, totals, starts, cells = tables or branch_tables(episodes.environments)
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
        environment=env,
        last_interval=np.maximum(0, totals[branch] - delta * ends),
        cells=cells,
        cell=starts[branch],
    )


def _running_sum(
    amount: npt.NDArray[np.int64], key: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return, for each entry, the sum of ``amount`` over all entries of its key up to and including the entry."""
    keys, amounts = key[order], amount[order]
    total = np.cumsum(amounts)
    fresh = np.flatnonzero(np.diff(keys, prepend=-1))
    sizes = np.diff(fresh, append=len(keys))
    result = np.empty_like(amount)
    result[order] = total - np.repeat((total - amounts)[fresh], sizes)
    return result


BranchTables = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


def branch_tables(environments: tuple[Environment, ...]) -> BranchTables:
    """Return columns over the branches of all environments, one environment after another.

    Returns:
        (N,) probes, (N,) tokens and (N,) first cell of each branch; and all cells, the answers of all branches.
    """
    probes = np.concatenate([env.probes for env in environments]).astype(np.int64)
    totals = np.concatenate([env.total_tokens for env in environments]).astype(np.int64)
    starts = np.cumsum(probes + 1) - (probes + 1)
    cells = np.empty(int(probes.sum()) + len(probes), np.int32)
    final = np.zeros(len(cells), bool)
    final[starts + probes] = True
    cells[final] = np.concatenate([env.final_answers for env in environments])
    cells[~final] = np.concatenate([env.probe_answers for env in environments])
    return probes, totals, starts, cells
