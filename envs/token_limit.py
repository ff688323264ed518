"""Applies the limit on tokens to action logs, by the rule that `contract.question.Question` states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .contract.replay import ADVANCE, PROBE, RUN, STEP, VERIFY
from .episodes import Episodes, Logs
from .log_entries import LogEntries

Ints = npt.NDArray[np.int64]


def overspends(episodes: Episodes, logs: Logs, done: LogEntries, max_tokens: int) -> npt.NDArray[np.bool_]:
    """Return (R,) whether a record runs an interval, or shows a probe or a score, for which the budget had no tokens.

    Args:
        episodes: the batch.
        logs: R records, of all episodes of the batch or of some.
        done: the effects of the entries of ``logs``.
        max_tokens: the tokens of the budget.
    """
    if not len(done.record):
        return np.zeros(len(logs.verbs), bool)
    before, need = _spent_before(logs, done), _needs(episodes, done)
    starts = logs.index_offsets[:-1]
    at_once = before[starts][done.record] + np.add.reduceat(need, starts)[done.record]
    refused = np.where(done.verb == STEP, at_once, before + need) > max_tokens
    result: npt.NDArray[np.bool_] = np.logical_or.reduceat(refused & (need > 0), starts)
    return result


def longest_refusals(episodes: Episodes, logs: Logs, done: LogEntries, last: Ints, max_tokens: int) -> Ints:
    """Return (E * B,) the most tokens that an episode may have had left when the last interval of a branch was refused.

    The log does not hold refusals. So this takes every moment of the episode at which the interval would have been
    refused; where there is none, it returns -1. Longer intervals would have been refused at all these moments, too.

    Args:
        episodes: the batch of E episodes.
        logs: their logs, which keep to the limit.
        done: the effects of the entries of ``logs``.
        last: (E * B,) tokens of the last interval of each branch.
        max_tokens: the tokens of the budget.
    """
    E = len(episodes)
    of, left = np.arange(E), np.full(E, max_tokens, np.int64)
    if len(done.record):
        starts = logs.index_offsets[:-1]
        of, before = np.append(of, logs.episode_of_record), _spent_before(logs, done)
        spent = before[starts] + np.add.reduceat(done.tokens, starts)
        # the branches of a step run side by side: it refuses one by the tokens that the branches before it may need
        reserved = before[starts] + np.add.reduceat(_needs(episodes, done), starts)
        steps = logs.verbs == STEP
        of = np.concatenate((of, logs.episode_of_record[steps]))
        left = np.concatenate((left, max_tokens - spent, max_tokens - reserved[steps]))
    base = max_tokens + 2
    moments = np.sort(of * base + left)
    branches = np.arange(len(last)) // episodes.max_branches
    at = np.searchsorted(moments, branches * base + np.minimum(last, max_tokens + 1)) - 1
    found = moments[np.maximum(at, 0)] - branches * base
    return np.where((at >= 0) & (found >= 0), found, -1)


def _spent_before(logs: Logs, done: LogEntries) -> Ints:
    """Return (I,) the tokens that the episode had spent before each entry."""
    before = np.cumsum(done.tokens) - done.tokens
    start = logs.index_offsets[logs.record_offsets[:-1]]  # the first entry of each episode
    result: Ints = before - np.append(before, 0)[start][done.episode]
    return result


def _needs(episodes: Episodes, done: LogEntries) -> Ints:
    """Return (I,) the tokens that the budget must have left for each entry alone: only whole intervals fit."""
    delta = np.array([e.delta for e in episodes.environments], np.int64)[done.environment]
    price = np.array([e.probe_cost for e in episodes.environments], np.int64)[done.environment]
    runs, steps = done.verb == RUN, done.verb == STEP
    each = delta + np.where(steps, price, 0)
    intervals = np.where(runs, done.after - done.before, done.repeats) - 1
    last = np.where(done.ended, np.maximum(each, done.last_interval), each)
    need = np.where(runs | steps | (done.verb == ADVANCE), intervals * each + last, 0)
    verify = np.array([e.verify_cost for e in episodes.environments], np.int64)[done.environment]
    return np.where(done.verb == PROBE, price, np.where(done.verb == VERIFY, verify, need))
