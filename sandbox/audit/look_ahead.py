"""The look-ahead audit: does a candidate act the same if everything that it had not paid for is different?

A candidate shares its process with recorded branches that it has not paid to see, and Python cannot hide them. So the
host checks afterwards. It keeps the cells that the action log says were revealed, replaces all other cells by decoys,
and plays the episode again. A controller that used only cells that it paid for acts the same again. Any difference
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

The order of episodes, the processes and the names of answers differ from those of the evaluation. So the audit also
convicts controllers that depend on state, on chance or on names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from autotts.envs.contract.replay import VERBS
from autotts.envs.episodes import Episodes, Logs, ranges

from ..base import Sandbox
from ..outcome import Candidate, Kind, Verdict
from ..wire import SealedBatch
from .decoys import Decoys, Ints

AUDIT_SHARE = 0.015
"""The share of the episodes that is audited for every candidate."""
MIN_AUDITED = 100
"""The smallest number of audited episodes, if the batch has as many."""

_CHUNK = 2048
_HONEST_REPEATS = 6


def audit(
    candidate: Candidate,
    episodes: Episodes,
    logs: Logs,
    sandbox: Sandbox,
    share: float = 1.0,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> Verdict:
    """Play episodes again with decoys in place of the cells that were not revealed, and return the verdict.

    Args:
        candidate: the candidate to audit.
        episodes: the batch.
        logs: the candidate's logs of the whole batch, which the host has accepted (`envs.scoring.score`).
        sandbox: the sandbox to play in.
        share: the share of the episodes to draw, in (0, 1]; at least `MIN_AUDITED` episodes are drawn.
        seed: seed of the draw and of the decoys.
        progress: called with the number of episodes that finished since the last call.

    Returns:
        A verdict of kind ``ok``, or the verdict on the first episode that differs; its message names the first
        differing action.

    Raises:
        SandboxError: the sandbox failed.
    """
    key = hashlib.sha256(f"{seed} {candidate.source}".encode(errors="replace")).digest()
    generator = np.random.default_rng(list(key))
    drawn = _drawn(len(episodes), share, generator)
    decoys = Decoys(episodes)

    def prepared() -> Iterator[tuple[Ints, Logs, SealedBatch]]:
        for which, group in _chunks(episodes, drawn, generator):
            expected = logs.take(which)
            yield which, expected, decoys.batch(episodes.take(which), expected, group, generator)

    for which, expected, batch in _ahead(prepared()):
        outcome = sandbox.play(candidate, batch, progress)
        if outcome.logs is None:
            verdict = outcome.verdict
            at = int(which[verdict.episode or 0])
            if verdict.kind in ("timeout", "memory"):
                return Verdict(verdict.kind, verdict.message, at)
            return _convict(candidate, episodes, logs, at, sandbox, verdict.message)
        differs = _first_difference(expected, outcome.logs)
        if differs is not None:
            message = _difference(expected, outcome.logs, differs)
            return _convict(candidate, episodes, logs, int(which[differs]), sandbox, message)
    return Verdict("ok")


T = TypeVar("T")


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield ``items``; a thread makes the next item while the caller uses the current one."""
    with ThreadPoolExecutor(1) as pool:
        upcoming = pool.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = pool.submit(next, items, None)
            yield item


def _drawn(n: int, share: float, generator: np.random.Generator) -> Ints:
    count = min(n, max(MIN_AUDITED, round(share * n)))
    drawn: Ints = generator.permutation(n)[:count]
    return drawn


def _chunks(episodes: Episodes, drawn: Ints, generator: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """Yield (indices of episodes, their groups). A group has at most one episode of each question."""
    question = np.stack([episodes.environment[drawn], episodes.question[drawn]])
    _, number = np.unique(question, axis=1, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")  # ``drawn`` is random, and so is each question's order
    sizes = np.bincount(number.ravel())
    group = np.empty(len(drawn), np.int64)
    group[order] = ranges(np.zeros_like(sizes), sizes)
    turn = np.lexsort((generator.random(len(drawn)), group))
    drawn, group = drawn[turn], group[turn]
    start = 0
    while start < len(drawn):
        last = group[min(start + _CHUNK, len(drawn)) - 1]
        stop = int(np.searchsorted(group, last, side="right"))
        yield drawn[start:stop], group[start:stop]
        start = stop


def _first_difference(expected: Logs, replayed: Logs) -> int | None:
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
    ours, theirs = _actions(expected.part(at, at + 1)), _actions(replayed.part(at, at + 1))
    for number, (one, other) in enumerate(zip([*ours, "its answer"], [*theirs, "its answer"], strict=False)):
        if one != other:
            return f"action {number} was `{one}`, and `{other}` where everything that it had not paid for was replaced"
    return "it gave another answer where everything that it had not paid for was replaced"


def _actions(logs: Logs) -> list[str]:
    offsets = logs.index_offsets
    lines = []
    for r, (verb, times) in enumerate(zip(logs.verbs.tolist(), logs.repeats.tolist(), strict=True)):
        branches = logs.indices[offsets[r] : offsets[r + 1]].tolist()
        named = " ".join(map(str, branches[:8])) + (" ..." if len(branches) > 8 else "")
        lines.append(f"{VERBS[verb]} {named}" + (f" x{times}" if times > 1 else ""))
    return lines


def _convict(candidate: Candidate, episodes: Episodes, logs: Logs, at: int, sandbox: Sandbox, message: str) -> Verdict:
    """Return the verdict on the differing episode ``at``.

    The episode is played alone on its recorded branches. If it always gives the expected log, the candidate looked
    ahead. Otherwise its actions are not reproducible.
    """
    which = np.array([at])
    alone, expected = episodes.take(which), logs.take(which)
    again = (sandbox.run(candidate, alone).logs for _ in range(_HONEST_REPEATS))
    same = all(replayed is not None and _first_difference(expected, replayed) is None for replayed in again)
    kind: Kind = "rejected: looked ahead" if same else "rejected: not reproducible"
    if not same:
        message += "; it also comes out differently when it is played again by itself (state, chance, time or names)"
    where = f" [{episodes.describe(at)}]"
    return Verdict(kind, f"{message.replace(where, '')}{where}", at)
