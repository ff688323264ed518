"""Computes the effect of every entry of the action logs: the depth reached, the answers shown, and the tokens spent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .contract.replay import ADVANCE, PROBE, RUN, STEP, VERIFY
from .episodes import Episodes, Logs
from .opened_branches import OpenedBranches, opened_branches
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
    """(I,) tokens that the entry cost, including probes and verifications."""
    span: npt.NDArray[np.int64]
    """(I,) tokens that the branch generated, which are necessarily sequential."""
    environment: npt.NDArray[np.int32]
    """(I,) index into the environments of the batch."""
    last_interval: npt.NDArray[np.int64]
    """(I,) tokens of the last interval of the branch, whether the entry runs it or not."""
    cells: npt.NDArray[np.int32]
    """The answers of all branches of the environments of these episodes, one after another: probe answers, then the
    final answer. The `OpenedBranches.columns` follow."""
    cell: npt.NDArray[np.int64]
    """(I,) index of the branch's first answer in ``cells``."""

    @cached_property
    def shown(self) -> npt.NDArray[np.bool_]:
        """(I,) whether the entry showed the answer at depth ``after``."""
        shown: npt.NDArray[np.bool_] = (self.verb == STEP) | (self.verb == PROBE) | self.ended
        return shown


def log_entries(
    episodes: Episodes, logs: Logs, first: int = 0, tables: BranchTables | None = None,
    opened: OpenedBranches | None = None,
) -> LogEntries:  # fmt: skip
    """Return the effect of each entry of ``logs``.

    Args:
        episodes: the batch.
        logs: logs of the episodes from ``first`` on. `scoring.score` must accept them: nothing is checked again here.
        first: index in the batch of the first episode of ``logs``.
        tables: the `branch_columns` of the batch's environments and their cells, if they are at hand.
        opened: the `opened_branches` of the logs, if they are at hand.
    """
    here = slice(first, first + len(logs))
    record = np.repeat(np.arange(len(logs.verbs)), logs.counts)
    episode = logs.episode_of_record[record]
    which = logs.indices.astype(np.int64)
    verb, repeats = logs.verbs[record], logs.repeats.astype(np.int64)[record]
    env = episodes.environment[here][episode]
    used = np.arange(len(episodes.environments)) if tables else np.unique(episodes.environment[here])
    bases = np.zeros(len(episodes.environments), np.int64)
    bases[used[1:]] = np.cumsum([len(episodes.environments[e].final_answers) for e in used[:-1].tolist()])
    opened = opened or opened_branches(episodes, logs, first)
    branch, start = opened.branch[episode, which] + bases[env], opened.start[episode, which]
    probes, totals, starts, cells = tables or _TABLES.of(tuple(episodes.environments[e] for e in used.tolist()))
    ends, cell = np.maximum(probes[branch], start), starts[branch]

    key = episode * episodes.max_branches + which
    order = np.argsort(key, kind="stable")
    moves = (verb == STEP) | (verb == ADVANCE)
    runs = verb == RUN
    amount = np.where(moves, repeats, 0)
    before = start + _running_sum(amount, key, order) - amount
    if runs.any() and (verb == VERIFY).any():  # a finished branch can be verified, but nothing else follows a run
        before = np.where((verb == VERIFY) & (_running_sum(runs.astype(np.int64), key, order) > 0), ends + 1, before)
    after = np.where(runs, ends + 1, before + amount)
    ended = runs | (moves & (after > ends))

    delta = np.array([e.delta for e in episodes.environments], np.int64)[env]
    price = np.array([e.probe_cost for e in episodes.environments], np.int64)[env]
    verified = np.array([e.verify_cost for e in episodes.environments], np.int64)[env] * (verb == VERIFY)
    whole = np.where(moves, repeats - ended, 0)
    tail = np.where(ended, np.maximum(0, totals[branch] - delta * (before + whole)), 0)
    probed = np.where(verb == STEP, whole, verb == PROBE)
    if opened.columns:
        cells, cell = _with_columns(opened, episodes.max_branches, cells, cell, key)
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
        tokens=delta * whole + tail + price * probed + verified,
        span=delta * whole + tail,
        environment=env,
        last_interval=np.maximum(0, totals[branch] - delta * ends),
        cells=cells,
        cell=cell,
    )


def _with_columns(
    opened: OpenedBranches,
    max_branches: int,
    cells: npt.NDArray[np.int32],
    cell: npt.NDArray[np.int64],
    key: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return ``cells`` with the answers of forks that have answers of their own, and the first cell of each entry."""
    cell = cell.copy()
    parts, at = [cells], len(cells)
    for (episode, branch), column in opened.columns.items():
        cell[key == episode * max_branches + branch] = at
        parts.append(np.array(column, np.int32))
        at += len(column)
    return np.concatenate(parts), cell


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


BranchColumns = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]
BranchTables = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


def branch_columns(environments: Sequence[Environment]) -> BranchColumns:
    """Return (N,) probes, (N,) tokens and (N,) first cell of the branches of all environments, one after another."""
    probes = np.concatenate([env.probes for env in environments]).astype(np.int64)
    totals = np.concatenate([env.total_tokens for env in environments]).astype(np.int64)
    return probes, totals, np.cumsum(probes + 1) - (probes + 1)


def cells_of(environment: Environment) -> npt.NDArray[np.int32]:
    """Return the cells of an environment: of each branch its probe answers, and then its final answer."""
    probes = environment.probes
    cells = np.empty(len(environment.probe_answers) + len(probes), np.int32)
    final = np.zeros(len(cells), bool)
    final[np.cumsum(probes + 1, dtype=np.int64) - 1] = True
    cells[final] = environment.final_answers
    cells[~final] = environment.probe_answers
    return cells


class _TableCache:
    """The tables of the environments that were used last: the logs of a batch are read in parts of a few episodes."""

    def __init__(self) -> None:
        self._last: tuple[tuple[Environment, ...], BranchTables] | None = None

    def of(self, environments: tuple[Environment, ...]) -> BranchTables:
        """Return the `branch_columns` of the environments, and their cells."""
        last = self._last  # another thread may replace it meanwhile
        if last is not None and list(map(id, last[0])) == list(map(id, environments)):
            return last[1]
        tables = (*branch_columns(environments), np.concatenate([cells_of(env) for env in environments]))
        self._last = environments, tables
        return tables


_TABLES = _TableCache()
