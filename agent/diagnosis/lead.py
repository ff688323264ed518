"""When the given answer took the lead for good, and the tokens spent and branches opened after that moment.

At any moment, each branch that is not pruned votes for the last answer that it has shown; an absent answer is a vote
like any other. An answer leads while no other answer has as many votes. Answers that were not shown do not vote. A fork
votes like the branch that was forked until it shows an answer of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from autotts.envs.contract.replay import BRANCH, FORK, PRUNE, STEP
from autotts.envs.episodes import Episodes, Logs
from autotts.envs.log_entries import LogEntries, log_entries

_CHUNK = 1024  # episodes at a time: every interval of every branch is laid out at once

_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class LeadHistory:
    """For each of E episodes, the moment from which the given answer led until the end, and the spending after it."""

    settled: _Numbers
    """(E,) record of the episode's log in which the answer took the lead for good; -1 if it does not lead at the
    end."""
    idle: _Numbers
    """(E,) tokens spent after that moment; 0 if there is no such moment."""
    late: _Numbers
    """(E,) branches opened after that moment, forks included."""
    late_tokens: _Numbers
    """(E,) tokens spent on these branches."""


def lead_history(episodes: Episodes, logs: Logs) -> LeadHistory:
    """Return when the given answer took the lead in each episode.

    Args:
        episodes: the batch.
        logs: the logs of its episodes, which `envs.scoring.score` must accept.
    """
    parts = [
        _lead_history(episodes, logs.part(first, min(first + _CHUNK, len(logs))), first)
        for first in range(0, len(logs), _CHUNK)
    ]
    return LeadHistory(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _lead_history(episodes: Episodes, logs: Logs, first: int) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
    E, R = len(logs), len(logs.verbs)
    done = log_entries(episodes, logs, first)
    record, repeat = _settled(done, logs, episodes.max_branches)
    led = np.flatnonzero(record >= 0)
    at = record[led]

    costs = _sums(done.record, done.tokens, R)
    spent = np.concatenate(([0], np.cumsum(costs)))
    env = episodes.environment[first : first + E][led]
    round_price = np.array([e.delta + e.probe_cost for e in episodes.environments], np.int64)[env] * logs.counts[at]
    # only the last round of a record can finish a branch: those before it are whole intervals
    left = logs.repeats[at].astype(np.int64) - 1 - repeat[led]
    within = np.where(left > 0, costs[at] - (repeat[led] + 1) * round_price, 0)
    idle = np.zeros(E, np.int64)
    idle[led] = spent[logs.record_offsets[led + 1]] - spent[at + 1] + within

    opens = (done.verb == BRANCH) | (done.verb == FORK)
    late = opens & (record >= 0)[done.episode] & (done.record > record[done.episode])
    by_branch = _sums(done.key, done.tokens, E * episodes.max_branches)
    late_tokens = _sums(done.episode[late], by_branch[_opened_keys(done, episodes.max_branches)[late]], E)
    settled = np.where(record >= 0, record - logs.record_offsets[:-1], -1)
    return settled, idle, np.bincount(done.episode[late], minlength=E), late_tokens


def _sums(of: _Numbers, amounts: _Numbers, size: int) -> _Numbers:
    return np.bincount(of, weights=amounts, minlength=size).astype(np.int64)


def _settled(done: LogEntries, logs: Logs, max_branches: int) -> tuple[_Numbers, _Numbers]:
    """Return (E,) records, and repeats within them, at which the given answer took the lead for good, or -1."""
    E = len(logs)
    entry, repeat, old, new = _changes(done, max_branches)
    gone, come = np.flatnonzero(old >= 0), np.flatnonzero(new >= 0)
    change = np.concatenate((gone, come))
    longest = int(logs.repeats.max(initial=0)) + 1
    time = (done.record[entry] * longest + repeat)[change]
    order = np.argsort(time, kind="stable")
    time, episode = time[order], done.episode[entry[change]][order]
    answer = np.concatenate((old[gone], new[come]))[order].astype(np.int64)
    sign = np.repeat((-1.0, 1.0), (len(gone), len(come)))[order]

    answers = max(int(answer.max(initial=0)), int(logs.answer.max(initial=0))) + 1
    pairs, column = np.unique(episode * answers + answer, return_inverse=True)
    tick = np.cumsum(np.diff(time, prepend=-1) != 0) - 1
    moments = time[np.flatnonzero(np.diff(time, prepend=-1))]
    wanted = np.arange(E) * answers + logs.answer
    given = np.searchsorted(pairs, wanted)
    voted = np.flatnonzero(np.append(pairs, -1)[given] == wanted)
    bounds = np.searchsorted(episode, np.arange(E + 1)).tolist()
    columns = np.searchsorted(pairs, np.arange(E) * answers).tolist()

    since = np.full(E, -1, np.int64)
    for e in voted.tolist():
        votes = slice(bounds[e], bounds[e + 1])
        start = int(tick[votes.start])
        local = _leads_since(tick[votes] - start, column[votes] - columns[e], sign[votes], int(given[e]) - columns[e])
        if local >= 0:
            since[e] = moments[start + local]
    return np.where(since >= 0, since // longest, -1), np.where(since >= 0, since % longest, -1)


def _leads_since(tick: _Numbers, column: _Numbers, sign: npt.NDArray[np.float64], given: int) -> int:
    """Return the tick from which the column ``given`` has more votes than any other until the end, or -1.

    Args:
        tick: the tick of each change of a vote.
        column: the answer whose votes change.
        sign: +1 where a vote is added, -1 where it is withdrawn.
        given: the column of the given answer.
    """
    ticks, columns = int(tick[-1]) + 1, int(column.max()) + 1
    votes = np.bincount(column * ticks + tick, weights=sign, minlength=columns * ticks).reshape(columns, ticks)
    votes = votes.cumsum(axis=1)
    mine = votes[given].copy()
    votes[given] = 0
    behind = np.flatnonzero(mine <= votes.max(axis=0))
    since = int(behind[-1]) + 1 if len(behind) else 0
    return since if since < ticks else -1


def _opened_keys(done: LogEntries, max_branches: int) -> _Numbers:
    """Return (I,) the key of the branch that each entry opened; that of the entry itself if it opened none."""
    keys, forks = done.key.copy(), np.flatnonzero(done.verb == FORK)
    opens = np.cumsum((done.verb == BRANCH) | (done.verb == FORK))
    first = np.searchsorted(done.episode, done.episode[forks])
    before = opens[forks] - 1 - np.where(first > 0, opens[first - 1], 0)
    keys[forks] = done.episode[forks] * max_branches + before
    return keys


def _changes(done: LogEntries, max_branches: int) -> tuple[_Numbers, _Numbers, _Numbers, _Numbers]:
    """Return every change of a branch's vote: the entry, its repeat (from 0), and the answers before and after.

    -1 stands for no vote: before the first answer was seen, and after the branch was pruned.
    """
    speaks = done.shown | (done.verb == PRUNE)
    order = done.order[speaks[done.order]]
    times = np.where(done.verb[order] == STEP, done.repeats[order], 1)
    begin = np.cumsum(times) - times
    repeat = np.arange(int(times.sum())) - np.repeat(begin, times)
    new = done.cells[np.repeat(done.cell[order] + done.after[order] - times, times) + repeat].astype(np.int64)
    new[begin[done.verb[order] == PRUNE]] = -1
    old = np.empty_like(new)
    old[1:] = new[:-1]
    starts = np.flatnonzero(np.diff(done.key[order], prepend=-1) != 0)
    old[begin[starts]] = -1
    forks = np.flatnonzero(done.verb == FORK)
    keys = _opened_keys(done, max_branches)[forks]
    inherited = _inherited(done, forks, keys, order, new[begin + times - 1]) if len(forks) else {}
    if inherited:
        old[begin[starts]] = [inherited.get(key, -1) for key in done.key[order[starts]].tolist()]
    changed = np.flatnonzero(new != old)
    entry = order[np.searchsorted(begin, changed, side="right") - 1]
    begun = np.array([inherited[key] for key in keys.tolist()], np.int64)
    return (
        np.concatenate((entry, forks)),
        np.concatenate((repeat[changed], np.zeros_like(begun))),
        np.concatenate((old[changed], np.full_like(begun, -1))),
        np.concatenate((new[changed], begun)),
    )


def _inherited(
    done: LogEntries, forks: _Numbers, keys: _Numbers, order: _Numbers, votes: _Numbers
) -> dict[int, int]:
    """Return by the key of each fork the vote that it begins with: that of the branch that was forked.

    Args:
        done: the entries.
        forks: the entries that fork.
        keys: the key of the branch that each of them opened.
        order: the entries that change votes, sorted by key and by time within a key.
        votes: the vote after each entry of ``order``.
    """
    result: dict[int, int] = {}
    size = len(done.verb)
    times = done.key[order] * size + order
    parents = done.key[forks]
    last = np.searchsorted(times, parents * size + forks) - 1
    for key, parent, at in zip(keys.tolist(), parents.tolist(), last.tolist(), strict=True):
        voted = at >= 0 and int(done.key[order[at]]) == parent
        result[key] = int(votes[at]) if voted else result.get(parent, -1)
    return result
