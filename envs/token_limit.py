"""Checks that action logs keep to a limit on tokens, by the rule that `contract.question.Question` states."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .contract.replay import ADVANCE, PROBE, RUN, STEP
from .episodes import Episodes, Logs
from .log_entries import LogEntries


def overspends(episodes: Episodes, logs: Logs, done: LogEntries, max_tokens: int) -> npt.NDArray[np.bool_]:
    """Return (R,) whether a record runs an interval, or shows a probe, for which the budget had no tokens.

    Args:
        episodes: the batch.
        logs: R records, of all episodes of the batch or of some.
        done: the effects of the entries of ``logs``.
        max_tokens: the tokens of the budget.
    """
    if not len(done.record):
        return np.zeros(len(logs.verbs), bool)
    before = np.cumsum(done.tokens) - done.tokens
    start = logs.index_offsets[logs.record_offsets[:-1]]  # the first entry of each episode
    before = before - np.append(before, 0)[start][done.episode]
    at_once = before[logs.index_offsets[:-1]][done.record]  # the branches of a step run side by side

    env = done.environment
    delta = np.array([e.delta for e in episodes.environments], np.int64)[env]
    price = np.array([e.probe_cost for e in episodes.environments], np.int64)[env]
    runs, steps = done.verb == RUN, done.verb == STEP
    each = delta + np.where(steps, price, 0)
    intervals = np.where(runs, done.after - done.before, done.repeats) - 1
    last = np.where(done.ended, np.maximum(each, done.last_interval), each)
    need = np.where(runs | steps | (done.verb == ADVANCE), intervals * each + last, 0)
    need = np.where(done.verb == PROBE, price, need)
    needed = np.add.reduceat(need, logs.index_offsets[:-1])[done.record]
    refused = np.where(steps, at_once + needed, before + need) > max_tokens
    result: npt.NDArray[np.bool_] = np.logical_or.reduceat(refused & (need > 0), logs.index_offsets[:-1])
    return result
