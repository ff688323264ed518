"""Scores episodes on the host: replays their action logs, and computes tokens, latency and correctness.

No number from a sandbox is trusted. Legality, tokens, latency and correctness are computed here from the log and the
recorded branches, for a whole batch at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from .contract.replay import ADVANCE, BRANCH, FORK, PROBE, PRUNE, RUN, STEP, VERBS, VERIFY
from .episodes import Episodes, Logs, ranges
from .log_entries import log_entries
from .opened_branches import ForgedLog as ForgedLog
from .opened_branches import OpenedBranches, has_extensions, opened_branches
from .store import ABSENT, Environment
from .token_limit import overspends

_CHUNK = 128  # episodes scored at a time: their tables then fit in the processor's cache, which is four times as fast
_CHUNK_ENTRIES = 1 << 16  # entries of logs scored at a time, unless one episode has more
_TABLE = 1 << 23  # cells of a table of records and branches; longer logs are sorted instead


@dataclass(frozen=True)
class EpisodeFigures:
    """The figures of the E episodes of a batch, from which statistics are computed."""

    episodes: Episodes
    correct: npt.NDArray[np.bool_]
    """(E,) whether the answer equals the gold answer."""
    tokens: npt.NDArray[np.int64]
    """(E,) tokens of all branches, plus the price of the probes and of the verifications."""
    latency: npt.NDArray[np.int64]
    """(E,) tokens on the critical path."""

    @classmethod
    def empty(cls, episodes: Episodes) -> EpisodeFigures:
        """Return figures of ``episodes`` that are all zero, to be filled part by part."""
        n = len(episodes)
        return cls(episodes, np.zeros(n, bool), np.zeros(n, np.int64), np.zeros(n, np.int64))

    def put(self, which: npt.NDArray[np.int64], part: EpisodeFigures) -> None:
        """Fill in the figures of the episodes ``which`` from those of a batch of these episodes."""
        self.correct[which] = part.correct
        self.tokens[which] = part.tokens
        self.latency[which] = part.latency


@dataclass(frozen=True)
class Scores(EpisodeFigures):
    """The figures of the E episodes of a batch, and what each did with its branches."""

    answer: npt.NDArray[np.int32]
    """(E,) answers given, as indices into the vocabulary of the environment."""
    depth: npt.NDArray[np.int32]
    """(E, max_branches) the depth of each branch, in the order of opening; of a fork with the intervals it shares."""
    opened: npt.NDArray[np.int32]
    """(E,) branches opened."""
    pruned: npt.NDArray[np.bool_]
    """(E, max_branches) whether each branch was pruned."""
    branch: npt.NDArray[np.int32]
    """(E, max_branches) the recorded branches (see `OpenedBranches.branch`)."""
    start: npt.NDArray[np.int32]
    """(E, max_branches) the depth at which each branch was opened (see `OpenedBranches.start`)."""

    @cached_property
    def width(self) -> npt.NDArray[np.int32]:
        """(E,) branches that ran at least one interval of their own."""
        width: npt.NDArray[np.int32] = (self.depth > self.start).sum(axis=1, dtype=np.int32)
        return width

    def part(self, episodes: Episodes) -> Scores:
        """Return the scores of the first episodes of the batch.

        Args:
            episodes: the batch of these episodes alone.
        """
        n = len(episodes)
        if n == len(self.correct):
            return self
        return Scores(
            episodes, self.correct[:n], self.tokens[:n], self.latency[:n], self.answer[:n], self.depth[:n],
            self.opened[:n], self.pruned[:n], self.branch[:n], self.start[:n],
        )  # fmt: skip


@dataclass(frozen=True)
class _Tables:
    """Columns over the branches of all environments, one environment after another."""

    branch_base: npt.NDArray[np.int64]
    probes: npt.NDArray[np.int32]
    totals: npt.NDArray[np.int32]
    delta: npt.NDArray[np.int64]
    probe_cost: npt.NDArray[np.int64]
    verify_cost: npt.NDArray[np.int64]


def score(episodes: Episodes, logs: Logs) -> Scores:
    """Replay ``logs``, and return the scores of the episodes.

    Raises:
        ForgedLog: a log contains an action that the contract forbids, or an answer that no branch had shown.
    """
    environments = episodes.environments
    tables = _Tables(
        branch_base=np.cumsum([0, *(len(env.final_answers) for env in environments)])[:-1],
        probes=np.concatenate([env.probes for env in environments]),
        totals=np.concatenate([env.total_tokens for env in environments]),
        delta=np.array([env.delta for env in environments], np.int64),
        probe_cost=np.array([env.probe_cost for env in environments], np.int64),
        verify_cost=np.array([env.verify_cost for env in environments], np.int64),
    )
    _check_sizes(episodes, logs)
    parts = [_score_chunk(episodes, logs.part(first, last), first, tables) for first, last in _chunks(logs)]
    *columns, known = zip(*parts, strict=True)
    tokens, latency, depth, opened, pruned = map(np.concatenate, columns)
    branches = OpenedBranches.joined(known) if has_extensions(logs).any() else OpenedBranches.unforked(episodes)
    correct = np.zeros(len(logs), bool)
    for e, env in enumerate(environments):
        mine = np.flatnonzero(episodes.environment == e)
        correct[mine] = logs.answer[mine] == env.gold[episodes.question[mine]]
        _check_revealed(env, episodes, mine, logs.answer, depth, branches)
    _check_shown(episodes, logs, depth, branches)
    return Scores(
        episodes, correct, tokens, latency, logs.answer, depth, opened, pruned, branches.branch, branches.start
    )


def _check_sizes(episodes: Episodes, logs: Logs) -> None:
    """Raise `ForgedLog` for a log with more entries than its question has actions, before anything is made of it."""
    entries = np.diff(logs.index_offsets[logs.record_offsets])
    wrong = np.flatnonzero((entries > episodes.most_entries) | (np.diff(logs.record_offsets) > entries))
    if len(wrong):
        raise ForgedLog("more actions than the question has", int(wrong[0]))


def _chunks(logs: Logs) -> Iterator[tuple[int, int]]:
    """Yield ranges of at most `_CHUNK` episodes and `_CHUNK_ENTRIES` entries, but of at least one episode."""
    ends = logs.index_offsets[logs.record_offsets]
    first = 0
    while first < len(logs):
        within = int(np.searchsorted(ends, ends[first] + _CHUNK_ENTRIES, side="right")) - 1
        last = max(first + 1, min(first + _CHUNK, within, len(logs)))
        yield first, last
        first = last


_Chunk = tuple[
    npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.bool_],
    OpenedBranches,
]  # fmt: skip


def _score_chunk(episodes: Episodes, logs: Logs, first: int, tables: _Tables) -> _Chunk:
    E, B, R = len(logs), episodes.max_branches, len(logs.verbs)
    here = slice(first, first + E)
    env = episodes.environment[here]
    known = opened_branches(episodes, logs, first)
    branch, start = known.branch, known.start.ravel().astype(np.int64)
    flat = np.where(branch >= 0, branch + tables.branch_base[env][:, None], 0)
    probes, totals = tables.probes[flat], tables.totals[flat].astype(np.int64)
    available = (branch >= 0).sum(axis=1)
    delta = tables.delta[env]

    verbs, repeats = logs.verbs, logs.repeats.astype(np.int64)
    episode = logs.episode_of_record
    record = np.repeat(np.arange(R), logs.counts)
    which = logs.indices.astype(np.int64)
    verb = verbs[record]

    def refuse(wrong: npt.NDArray[np.bool_], of: npt.NDArray[np.int64], what: str) -> None:
        if wrong.any():
            raise ForgedLog(what, first + int(of[np.flatnonzero(wrong)[0]]))

    refuse(verbs >= len(VERBS), episode, "an unknown verb")
    refuse((repeats == 0) | (logs.counts == 0), episode, "an empty record")
    refuse((repeats > 1) & (verbs != STEP), episode, "a repeated action that cannot be")
    alone = np.isin(verbs, (ADVANCE, PROBE, PRUNE, FORK, VERIFY))
    refuse((logs.counts > 1) & alone, episode, "an action on several branches that is for one")
    refuse(which >= B, episode[record], "a branch beyond the budget")
    key = episode[record] * B + which

    # Branches are opened in order, before they are used
    is_open, forks = verb == BRANCH, verb == FORK
    opens = is_open | forks
    opened = np.bincount(episode[record][opens], minlength=E).astype(np.int32)
    refuse(opened > available, np.arange(E), "more branches opened than there are")
    starts = np.concatenate(([0], np.cumsum(opened)[:-1]))
    rank = np.cumsum(opens) - 1 - starts[episode[record]]
    refuse(is_open & (which != rank), episode[record], "branches opened out of order")
    opening = np.full(E * B, R)
    opening[(episode[record] * B + rank)[opens]] = record[opens]
    refuse(~is_open & (opening[key] > record), episode[record], "a branch used before it was opened")
    refuse(_doubled(record, which, R, B), episode, "a branch advanced twice in one call")

    # The depth of each branch; no action follows its end
    moves = (verb == STEP) | (verb == ADVANCE)
    runs = verb == RUN
    stepped = start + np.bincount(key[moves], weights=repeats[record[moves]], minlength=E * B).astype(np.int64)
    last_move = np.full(E * B, -1)
    last_move[key[moves | runs]] = record[moves | runs]
    ran_at = np.full(E * B, -1)
    ran_at[key[runs]] = record[runs]
    pruned_at = np.full(E * B, R)
    prunes = np.flatnonzero(verb == PRUNE)[::-1]  # backwards, so that the first prune of a branch counts
    pruned_at[key[prunes]] = record[prunes]
    ran = ran_at >= 0
    P = np.maximum(probes.ravel().astype(np.int64), start)
    refuse(stepped > P + np.where(ran, 0, 1), np.arange(E * B) // B, "a branch advanced after it had finished")
    refuse(ran & (last_move > ran_at), np.arange(E * B) // B, "a branch advanced after it had finished")
    refuse(runs & (ran_at[key] != record), episode[record], "a branch run to its end twice")
    refuse(~is_open & (pruned_at[key] < record), episode[record], "an action on a pruned branch")
    finished = ran | (stepped == P + 1)
    refuse(finished & (pruned_at < R), np.arange(E * B) // B, "a finished branch pruned")
    probing = verb == PROBE
    if probing.any():
        blind = _follows_advance(verb, key) & ~(finished[key] & (last_move[key] < record))
        blind |= has_extensions(logs)[episode[record]]  # `opened_branches` has followed them
        refuse(probing & ~blind, episode[record], "a probe of what is not there, or was seen before")

    # Cost: whole intervals, the rest of each branch that finished, and the probes that were shown
    deltas = np.repeat(delta, B)
    whole = np.minimum(stepped, P) * deltas
    tail = np.where(finished, np.maximum(0, totals.ravel() - whole), 0)
    cost = (whole - start * deltas + tail).reshape(E, B).sum(axis=1)
    cost = cost + tables.verify_cost[env] * np.bincount(episode[record][verb == VERIFY], minlength=E)
    prices = tables.probe_cost[env]
    if prices.any():
        cost = cost + prices * _probes_revealed(episode, record, verb, key, repeats, stepped, P, E, B)
    if episodes.max_tokens is not None:
        done = log_entries(episodes, logs, first)
        refuse(overspends(episodes, logs, done, episodes.max_tokens), episode, "more tokens spent than the budget has")

    # Latency: every call costs the longest advance among its branches
    ends_now = finished[key] & (last_move[key] == record)
    span = np.where(moves, deltas[key], 0)
    span = np.where((moves | runs) & ends_now, tail[key], span)
    longest = np.zeros(R, np.int64)
    if R:
        offsets = logs.index_offsets[:-1]
        longest = np.maximum.reduceat(span, offsets) if len(span) else longest
        longest = longest + (repeats - 1) * delta[episode]
    latency = np.bincount(episode, weights=longest, minlength=E).astype(np.int64)

    depth = np.where(ran, P + 1, stepped).reshape(E, B).astype(np.int32)
    return cost, latency, depth, opened, (pruned_at < R).reshape(E, B), known


def _doubled(record: npt.NDArray[np.int64], which: npt.NDArray[np.int64], R: int, B: int) -> npt.NDArray[np.bool_]:
    """Return (R,) whether a record names a branch more than once."""
    cells = record * B + which
    doubled = np.zeros(R, bool)
    if R * B > _TABLE:  # a table would take far more memory than the log
        cells.sort()
        doubled[cells[1:][cells[1:] == cells[:-1]] // B] = True
        return doubled
    table = np.zeros(R * B, bool)
    table[cells] = True
    if int(table.sum()) != len(which):
        doubled = np.bincount(record, minlength=R) != table.reshape(R, B).sum(axis=1)
    return doubled


def _follows_advance(verb: npt.NDArray[np.uint8], key: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Return (I,) whether the previous entry of the same branch advanced it without a probe."""
    order = np.argsort(key, kind="stable")
    result = np.zeros(len(key), bool)
    result[order[1:]] = (verb[order[:-1]] == ADVANCE) & (key[order[1:]] == key[order[:-1]])
    return result


def _probes_revealed(
    episode: npt.NDArray[np.int64],
    record: npt.NDArray[np.int64],
    verb: npt.NDArray[np.uint8],
    key: npt.NDArray[np.int64],
    repeats: npt.NDArray[np.int64],
    stepped: npt.NDArray[np.int64],
    P: npt.NDArray[np.int64],
    E: int,
    B: int,
) -> npt.NDArray[np.int64]:
    """Return (E,) the probes that cost tokens: all steps but one that finishes its branch, and all PROBE records."""
    steps = verb == STEP
    paid = np.bincount(key[steps], weights=repeats[record[steps]], minlength=E * B).astype(np.int64)
    last_verb = np.full(E * B, PROBE)
    moves = steps | (verb == ADVANCE)
    last_verb[key[moves]] = verb[moves]
    paid -= (stepped == P + 1) & (last_verb == STEP)
    probes = np.bincount(episode[record][verb == PROBE], minlength=E)
    revealed: npt.NDArray[np.int64] = paid.reshape(E, B).sum(axis=1) + probes
    return revealed


def _check_revealed(
    env: Environment,
    episodes: Episodes,
    mine: npt.NDArray[np.int64],
    answers: npt.NDArray[np.int32],
    depth: npt.NDArray[np.int32],
    branches: OpenedBranches,
) -> None:
    """Raise `ForgedLog` if an answer was given that no branch had shown up to the depth that it reached."""
    given = answers[mine]
    pairs, pair_of = np.unique(np.stack([episodes.question[mine], given]), axis=1, return_inverse=True)
    first = _first_depths(env, pairs)
    branch = branches.branch[mine]
    local = branch - env.branch_offsets[episodes.question[mine]][:, None]
    seen = (depth[mine] >= first[pair_of.ravel()[:, None], np.maximum(local, 0)]) & (branch >= 0)
    wrong = ~seen.any(axis=1) & (given != 0)
    if wrong.any():
        raise ForgedLog("an answer that no branch had shown", int(mine[np.flatnonzero(wrong)[0]]))


def _check_shown(
    episodes: Episodes, logs: Logs, depth: npt.NDArray[np.int32], branches: OpenedBranches
) -> None:
    """Raise `ForgedLog` if an answer was given that branches held only at depths that were passed over, unprobed."""
    doubtful = _passing_over(logs) & (logs.answer != ABSENT)
    doubtful[doubtful] = ~_ends_in(episodes, np.flatnonzero(doubtful), logs.answer, depth, branches)
    for first, last in _chunks(logs) if doubtful.any() else ():
        if not doubtful[first:last].any():
            continue
        part = logs.part(first, last)
        done = log_entries(episodes, part, first)
        starts = np.where(done.verb == STEP, done.before, done.after - 1)[done.shown] + done.cell[done.shown]
        stops = (done.cell + done.after)[done.shown]
        owner = np.repeat(done.episode[done.shown], stops - starts)
        seen = ~doubtful[first:last]
        seen[owner[done.cells[ranges(starts, stops)] == part.answer[owner]]] = True
        if not seen.all():
            raise ForgedLog("an answer that no call had shown", first + int(np.flatnonzero(~seen)[0]))


def _passing_over(logs: Logs) -> npt.NDArray[np.bool_]:
    """Return (E,) whether an episode advanced a branch without a probe, so that a depth was reached but not shown.

    A fork may have such a depth behind it.
    """
    result = has_extensions(logs)
    for first, last in _chunks(logs):
        part = logs.part(first, last)
        result[first + part.episode_of_record[(part.verbs == ADVANCE) | (part.verbs == RUN)]] = True
    return result


def _ends_in(
    episodes: Episodes,
    which: npt.NDArray[np.int64],
    answers: npt.NDArray[np.int32],
    depth: npt.NDArray[np.int32],
    branches: OpenedBranches,
) -> npt.NDArray[np.bool_]:
    """Return for the episodes ``which`` whether a branch that has finished, and so was shown, ends in the answer."""
    result = np.zeros(len(which), bool)
    for e, env in enumerate(episodes.environments):
        mine = np.flatnonzero(episodes.environment[which] == e)
        branch = branches.branch[which[mine]]
        ends = np.maximum(env.probes[branch], branches.start[which[mine]])
        finished = (depth[which[mine]] == ends + 1) & (branch >= 0)
        result[mine] = (finished & (env.final_answers[branch] == answers[which[mine], None])).any(axis=1)
    return result


def _first_depths(env: Environment, pairs: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Return (pairs, branches) the depth at which each branch first shows the answer of a pair, or a huge number.

    Args:
        env: the environment.
        pairs: (2, pairs) questions and answers.
    """
    never = np.iinfo(np.int32).max
    widest = int(np.diff(env.branch_offsets).max())
    table = np.full((pairs.shape[1], widest), never, np.int32)
    for row, (question, answer) in enumerate(pairs.T.tolist()):
        branches = env.branches(question)
        start, stop = env.probe_offsets[branches.start], env.probe_offsets[branches.stop]
        cells = np.flatnonzero(env.probe_answers[start:stop] == answer) + start
        owner = np.searchsorted(env.probe_offsets, cells, side="right") - 1
        # cells are in order: the assignment from last to first leaves the earliest depth of each branch
        table[row, owner[::-1] - branches.start] = (cells - env.probe_offsets[owner] + 1)[::-1]
        finals = np.flatnonzero(env.final_answers[branches.start : branches.stop] == answer)
        ends = env.probes[branches.start + finals] + 1
        table[row, finals] = np.minimum(table[row, finals], ends)
    return table
