"""The look-ahead audit: does a candidate act the same if everything that it had not paid for is different?

A candidate shares its process with recorded branches that it has not paid to see, and Python cannot hide them. So the
host checks afterwards. It keeps the cells that the action log says were revealed, replaces all other cells by decoys,
and plays the episode again. The same holds for signals, for the scores of a verifier and for forks, where a candidate
gets any. A controller that used only cells that it paid for acts the same again. Any difference
convicts the candidate.

The decoys must not show where the action log ends. Otherwise a cheat could read its former decisions from the data: the
branches that it opened, ran or probed would tell it what to do again. Therefore:

1. A process gets at most one episode of each question. Other episodes of the question would show more of its branches.
2. Decoys are taken from other branches. Some have renamed answers, so that they clearly differ from the recording. Some
   keep the names and continue from the last revealed answer of a branch, so that they look like a recording. Some come
   from another question, some are all equal, and some all differ: the lengths of branches and their agreement are
   informative even without names.
3. Some cells stay true although they were not revealed. The way they are chosen is drawn for the whole episode, not for
   each branch. Often all cells of the opened branches stay true, or each unopened branch has data of its own instead of
   a decoy that several share. The true cells then end elsewhere than the log, so a cheat that repeats the same test on
   many branches learns nothing certain.

Every audited episode differs from its recording somewhere that its log did not reveal, by another answer or another
length, however the draws fall (`sandbox.audit.difference`). An episode whose log revealed every cell has no decoys:
nothing is left to look at.

Reading signals and asking whether a branch can be forked leave nothing in the log. So whatever a controller could have
read at some moment of its episode counts as revealed: the signals of every interval that ran, and at each place where a
running branch was, whether a recorded fork was left (`sandbox.audit.fork_log`). The forks that the log takes are there
to be taken again. All other numbers and forks are replaced (`sandbox.audit.numbers`, `sandbox.audit.tree`); each column
of numbers in which something is hidden differs from the recording somewhere.

All of this comes from a key of the audit (`sandbox.audit.secret`). A candidate that knows this code, its own source and
everything in the run directory can therefore neither tell which episodes are audited nor repeat the draws.

The order of episodes, the processes and the names of answers differ from those of the evaluation. The audit starts
its own workers, so that no process, and no parent of one, has run the evaluation. So the audit also convicts
controllers that depend on state, on chance or on names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from autotts.envs.contract.replay import VERBS
from autotts.envs.declarations import Declarations
from autotts.envs.episodes import Episodes, Logs, ranges

from ..base import Sandbox
from ..outcome import Candidate, Conviction, Extent, Kind, Verdict
from ..sealed_extras import declared_by
from ..wire import SealedBatch
from .decoys import NOTHING, Decoys
from .secret import AuditKey, AuditSecret
from .tables import Ints

AUDIT_SHARE = 0.015
"""The share of the episodes that is audited for every candidate."""
MIN_AUDITED = 100
"""The smallest number of audited episodes, if the batch has as many."""
SMALLEST_SHARE = 0.0
"""The share that stands for `MIN_AUDITED` episodes: enough for a draft, of which no figure is kept."""

_CHUNK, _EXTENDED_CHUNK = 2048, 512
"""Episodes of a call of the sandbox, of candidates that get answers alone, and of others: these need more memory."""
PASSES = 2
"""Times that a full audit plays each episode, with other decoys: a cheat that is rare must fail nearly every time."""
_ALONE = 50, 500
"""The least and the most episodes of an audit that are played alone in a process; between them one in eight."""
_HONEST_REPEATS = 6


def audit(
    candidate: Candidate,
    episodes: Episodes,
    logs: Logs,
    sandbox: Sandbox,
    share: float = 1.0,
    secret: AuditSecret | None = None,
    progress: Callable[[int], None] | None = None,
    passes: int = PASSES,
) -> Verdict:
    """Play episodes again with decoys in place of the cells that were not revealed, and return the verdict.

    Args:
        candidate: the candidate to audit.
        episodes: the batch.
        logs: the candidate's logs of the whole batch, which the host has accepted (`envs.scoring.score`).
        sandbox: the sandbox to play in.
        share: the share of the episodes to draw, in [0, 1] (see `audited_episodes`).
        secret: the secret of the run. All chance comes from a fresh key under it; None draws a secret for this audit.
        progress: called with the number of episodes that finished since the last call.
        passes: times that a full audit plays each episode. A sample is played once.

    Returns:
        A verdict of kind ``ok``, or the verdict on the first episode that differs; its message names the first
        differing action.

    Raises:
        SandboxError: the sandbox failed.
    """
    key = (secret or AuditSecret()).key(candidate.source)
    times = passes if extent_of(len(episodes), share) == "full" else 1
    batches = audit_batches(episodes, logs, share, key, times, declared_by(candidate.source))
    verdict = _audit(candidate, batches, sandbox, progress, times)
    if verdict.ok or verdict.episode is None:
        return verdict
    return replace(verdict, conviction=Conviction(key.hex(), share, verdict.episode))


def audited_episodes(n: int, share: float) -> int:
    """Return how many of ``n`` episodes an audit of a share of them plays: `MIN_AUDITED` at least, or all."""
    return min(n, max(MIN_AUDITED, round(share * n)))


def extent_of(n: int, share: float) -> Extent:
    """Return how far an audit of a share of ``n`` episodes goes."""
    return "full" if audited_episodes(n, share) == n else "sample"


@dataclass(frozen=True, slots=True)
class AuditChunk:
    """Episodes that are audited in one call of the sandbox."""

    turn: int
    """How often each of them has been played before."""
    which: Ints
    """(n,) their indices in the batch."""
    group: Ints
    """(n,) the group of each (see `SealedBatch.group`)."""
    episodes: Episodes
    expected: Logs
    """Their logs from the evaluation."""


def _audit(
    candidate: Candidate,
    batches: Iterator[tuple[AuditChunk, SealedBatch]],
    sandbox: Sandbox,
    progress: Callable[[int], None] | None,
    passes: int,
) -> Verdict:
    with sandbox.reusing_workers() as own:  # new workers: none has run the evaluation
        for chunk, batch in _ahead(batches):
            outcome = own.play(candidate, batch, progress if chunk.turn == passes - 1 else None)
            if outcome.logs is None:
                verdict = outcome.verdict
                at = verdict.episode or 0
                if verdict.kind in ("timeout", "memory"):
                    return Verdict(verdict.kind, verdict.message, int(chunk.which[at]))
                return _convict(candidate, chunk, at, sandbox, verdict.message)
            differs = first_difference(chunk.expected, outcome.logs)
            if differs is not None:
                return _convict(candidate, chunk, differs, sandbox, _difference(chunk.expected, outcome.logs, differs))
    return Verdict("ok")


def audit_batches(
    episodes: Episodes,
    logs: Logs,
    share: float,
    key: AuditKey,
    passes: int,
    declared: Declarations = NOTHING,
) -> Iterator[tuple[AuditChunk, SealedBatch]]:
    """Yield the episodes that an audit plays, and their decoys. Equal arguments give equal ones.

    More ``passes`` give the same batches, and then others. The candidate gets nothing that it has not ``declared``.
    """
    decoys = Decoys(episodes, declared)
    most = _EXTENDED_CHUNK if decoys.extras.used else _CHUNK
    for turn in range(passes):
        generator = key.generator("draw", turn)
        drawn: Ints = generator.permutation(len(episodes))[: audited_episodes(len(episodes), share)]
        for number, (which, group) in enumerate(_chunks(episodes, drawn, generator, most)):
            chunk = AuditChunk(turn, which, group, episodes.take(which), logs.take(which))
            chance = key.generator("decoys", turn, number)
            yield chunk, decoys.batch(chunk.episodes, chunk.expected, group, chance)


T = TypeVar("T")


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield ``items``; a thread makes the next item while the caller uses the current one."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item


def _chunks(
    episodes: Episodes, drawn: Ints, generator: np.random.Generator, size: int
) -> Iterator[tuple[Ints, Ints]]:
    """Yield (indices of episodes, their groups), about ``size`` at a time. A group has no question twice.

    Some episodes are groups of their own: among many others a cheat could read from these what it did in the
    evaluation, if it had left a sign of it in the logs of all of them. Alone, it has to read each sign by itself.
    """
    least, most = _ALONE
    alone = min(len(drawn), most, max(least, len(drawn) // 8))
    together = drawn[alone:]
    question = np.stack([episodes.environment[together], episodes.question[together]])
    _, number = np.unique(question, axis=1, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")  # ``drawn`` is random, and so is each question's order
    sizes = np.bincount(number.ravel())
    group = np.empty(len(drawn), np.int64)
    group[alone:][order] = ranges(np.zeros_like(sizes), sizes)
    group[:alone] = sizes.max(initial=0) + np.arange(alone)  # last: most cheats are convicted before
    turn = np.lexsort((generator.random(len(drawn)), group))
    drawn, group = drawn[turn], group[turn]
    if sizes.max(initial=0) > size:  # the decoys of tens of thousands of questions would not fit into memory
        within = np.arange(len(group)) - np.searchsorted(group, group)
        _, group = np.unique(np.stack([group, within // size]), axis=1, return_inverse=True)
        group = group.ravel()
    start = 0
    while start < len(drawn):
        last = group[min(start + size, len(drawn)) - 1]
        stop = int(np.searchsorted(group, last, side="right"))
        yield drawn[start:stop], group[start:stop]
        start = stop


def first_difference(expected: Logs, replayed: Logs) -> int | None:
    """Return the first episode whose actions or answer differ, or None."""
    ours, theirs = expected.columns(), replayed.columns()
    if all(np.array_equal(ours[name], theirs[name]) for name in ours):
        return None
    for i in range(len(expected)):
        ours, theirs = expected.part(i, i + 1).columns(), replayed.part(i, i + 1).columns()
        if not all(np.array_equal(ours[name], theirs[name]) for name in ours):
            return i
    return None


def _difference(expected: Logs, replayed: Logs, at: int) -> str:
    """Return a text that says how the two logs of episode ``at`` differ."""
    ours, theirs = action_texts(expected.part(at, at + 1)), action_texts(replayed.part(at, at + 1))
    for number, (one, other) in enumerate(zip([*ours, "its answer"], [*theirs, "its answer"], strict=False)):
        if one != other:
            return f"action {number} was `{one}`, and `{other}` where everything that it had not paid for was replaced"
    return "it gave another answer where everything that it had not paid for was replaced"


def action_texts(logs: Logs) -> list[str]:
    """Return the actions of the logs, one line each."""
    offsets = logs.index_offsets
    lines = []
    for r, (verb, times) in enumerate(zip(logs.verbs.tolist(), logs.repeats.tolist(), strict=True)):
        branches = logs.indices[offsets[r] : offsets[r + 1]].tolist()
        named = " ".join(map(str, branches[:8])) + (" ..." if len(branches) > 8 else "")
        lines.append(f"{VERBS[verb]} {named}" + (f" x{times}" if times > 1 else ""))
    return lines


def _convict(candidate: Candidate, chunk: AuditChunk, at: int, sandbox: Sandbox, message: str) -> Verdict:
    """Return the verdict on the differing episode ``at`` of ``chunk``.

    The episode is played on its recorded branches: several times alone, and once in a process of the same
    episodes as in the audit. If it always gives the expected log, the candidate looked ahead. Otherwise its actions are
    not reproducible.
    """
    which = np.array([at])
    alone, expected = chunk.episodes.take(which), chunk.expected.take(which)
    batches = [SealedBatch.of(alone)] * _HONEST_REPEATS
    same = all(_repeats(candidate, batch, expected, 0, sandbox) for batch in batches)
    if same:
        recorded = replace(SealedBatch.of(chunk.episodes), group=chunk.group)
        same = _repeats(candidate, recorded, expected, at, sandbox)
    kind: Kind = "rejected: looked ahead" if same else "rejected: not reproducible"
    if not same:
        message += "; it also differs when it is played again on the recorded branches (state, chance, time or names)"
    where = f" [{chunk.episodes.describe(at)}]"
    return Verdict(kind, f"{message.replace(where, '')}{where}", int(chunk.which[at]))


def _repeats(candidate: Candidate, batch: SealedBatch, expected: Logs, at: int, sandbox: Sandbox) -> bool:
    """Return whether episode ``at`` of ``batch`` gives the expected log, in workers that have run nothing before."""
    with sandbox.reusing_workers() as fresh:
        logs = fresh.play(candidate, batch).logs
    return logs is not None and first_difference(expected, logs.part(at, at + 1)) is None
