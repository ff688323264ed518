"""The look-ahead audit: does a candidate act the same where everything that it had not paid for is another?

A candidate shares its process with recorded branches that it has not paid to see, and Python cannot hide them. So the
host looks afterwards: it keeps what the action log says was revealed, replaces all else by decoys, and has the episode
played again. A controller that used only what it paid for does the same again; any difference convicts.

What the audit hands out must not give away what the log says, or a cheat could do again what it did without knowing
why: it would tell the audit what it had seen by what it opened, ran or looked at. So

1. a process gets at most one episode of each question, whose other episodes would show more of it;
2. decoys are other branches, some with answers renamed so that what they say is plainly another, some in the same names
   and joined where a branch leaves off, so that they cannot be told from what was recorded, and some of another
   question, or all alike, or no two alike, as how long branches are and how far they agree says much without names;
3. how much more than what was revealed is left true is drawn for the whole episode, not branch by branch: often all
   of what was opened, or a branch of its own for all that was not. Then what was recorded ends elsewhere than the log
   does, and a cheat that repeats itself on many branches still learns nothing for sure.

Order, processes and the names of answers are others than in the evaluation, which also convicts state, chance and
dependence on names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import numpy as np

from envs.contract.replay import VERBS
from envs.episodes import Episodes, Logs, ranges

from ..base import Sandbox
from ..outcome import Candidate, Kind, Verdict
from ..wire import SealedBatch
from .decoys import Decoys, Ints

AUDIT_SHARE = 0.015
"""Share of the episodes that is audited of every candidate."""
MIN_AUDITED = 100
"""Episodes that are audited at least, if there are so many."""

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
    """Play episodes again with decoys for what was not revealed, and return what that proves.

    Args:
        candidate: whose ``logs`` of ``episodes`` the host has accepted (`envs.scoring.score`).
        episodes: the batch.
        logs: of all of it.
        sandbox: to play them in.
        share: part of the episodes that is drawn, in (0, 1], but at least `MIN_AUDITED` of them.
        seed: of the draw and of the decoys.
        progress: called with the number of episodes that were added.

    Returns:
        ok, or the verdict on the first episode that differs, which names the first differing action.

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
            said = _difference(expected, outcome.logs, differs)
            return _convict(candidate, episodes, logs, int(which[differs]), sandbox, said)
    return Verdict("ok")


T = TypeVar("T")


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """Yield ``items``, the next of which is made in a thread while one is in use."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = pool.submit(next, items, None)
            yield item


def _drawn(n: int, share: float, generator: np.random.Generator) -> Ints:
    count = min(n, max(MIN_AUDITED, round(share * n)))
    drawn: Ints = generator.permutation(n)[:count]
    return drawn


def _chunks(episodes: Episodes, drawn: Ints, generator: np.random.Generator) -> Iterator[tuple[Ints, Ints]]:
    """Yield (episodes, their groups): a group has at most one episode of each question."""
    question = np.stack([episodes.environment[drawn], episodes.question[drawn]])
    _, number = np.unique(question, axis=1, return_inverse=True)
    order = np.argsort(number.ravel(), kind="stable")  # drawn at random, so each question's episodes are so too
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


def _first_difference(expected: Logs, found: Logs) -> int | None:
    """Return the first episode whose actions or answer differ, or None."""
    ours, theirs = expected.columns(), found.columns()
    if all(np.array_equal(ours[name], theirs[name]) for name in ours):
        return None
    for i in range(len(expected)):
        ours, theirs = expected.part(i, i + 1).columns(), found.part(i, i + 1).columns()
        if not all(np.array_equal(ours[name], theirs[name]) for name in ours):
            return i
    return None


def _difference(expected: Logs, found: Logs, at: int) -> str:
    """Say how the two logs of episode ``at`` differ."""
    ours, theirs = _actions(expected.part(at, at + 1)), _actions(found.part(at, at + 1))
    for number, (one, other) in enumerate(zip([*ours, "its answer"], [*theirs, "its answer"], strict=False)):
        if one != other:
            return f"action {number} was `{one}`, and `{other}` where all that it had not paid for was another"
    return "it gave another answer where all that it had not paid for was another"


def _actions(logs: Logs) -> list[str]:
    offsets = logs.index_offsets
    lines = []
    for r, (verb, times) in enumerate(zip(logs.verbs.tolist(), logs.repeats.tolist(), strict=True)):
        branches = logs.indices[offsets[r] : offsets[r + 1]].tolist()
        named = " ".join(map(str, branches[:8])) + (" ..." if len(branches) > 8 else "")
        lines.append(f"{VERBS[verb]} {named}" + (f" x{times}" if times > 1 else ""))
    return lines


def _convict(candidate: Candidate, episodes: Episodes, logs: Logs, at: int, sandbox: Sandbox, said: str) -> Verdict:
    """Return the verdict on the differing episode ``at``: by itself, on what was recorded, does it come out again?"""
    which = np.array([at])
    alone, expected = episodes.take(which), logs.take(which)
    again = (sandbox.run(candidate, alone).logs for _ in range(_HONEST_REPEATS))
    same = all(found is not None and _first_difference(expected, found) is None for found in again)
    kind: Kind = "rejected: looked ahead" if same else "rejected: not reproducible"
    if not same:
        said += "; it also comes out differently when it is played again by itself (state, chance, time or names)"
    where = f" [{episodes.describe(at)}]"
    return Verdict(kind, f"{said.replace(where, '')}{where}", at)
