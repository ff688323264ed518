"""Repeats the audit that convicted a candidate, and shows the convicting episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Episodes, Logs
from autotts.envs.opened_branches import opened_branches

from ..base import Sandbox
from ..outcome import Candidate, Conviction, Verdict
from ..sealed_extras import declared_by
from ..sealing import SealedQuestion, seal_question
from ..wire import SealedBatch
from .look_ahead import PASSES, AuditChunk, action_texts, audit_batches, first_difference
from .secret import AuditKey


@dataclass(frozen=True, slots=True)
class RepeatedEpisode:
    """An audited episode: as it was evaluated, and as it came out on decoys."""

    where: str
    """Environment, question, beta and branch order."""
    recorded: tuple[str, ...]
    """The actions of the evaluation, one line each; the answer is no action."""
    on_decoys: tuple[str, ...]
    """The actions on decoys; empty if the candidate failed there."""
    verdict: Verdict
    """How the run on decoys ended."""
    differs: bool
    """Whether actions or answers differ."""
    replaced: tuple[tuple[int, tuple[int, ...]], ...]
    """Of each branch with decoys, in the order of opening: its number, and its cells (from 0) that differ from the
    recording, by their answer, a signal or a score. The last cell is the end; a branch whose length differs has its
    last cell here. Forks are left out."""


def repeat_audit(
    candidate: Candidate, episodes: Episodes, logs: Logs, conviction: Conviction, sandbox: Sandbox
) -> RepeatedEpisode | None:
    """Play again what the convicting audit played, until the convicting episode differs.

    Args:
        candidate: the convicted candidate.
        episodes: the batch on which it was audited.
        logs: its logs of the batch, from an evaluation that was made again.
        conviction: what the audit left.
        sandbox: where it runs.

    Returns:
        The episode in the first turn of the audit in which it differs, else in the last turn; None if the audit does
        not play it.

    Raises:
        SandboxError: the sandbox failed.
    """
    found = None
    key, declared = AuditKey.of_hex(conviction.key), declared_by(candidate.source)
    for chunk, batch in audit_batches(episodes, logs, conviction.share, key, PASSES, declared):
        places = (chunk.which == conviction.episode).nonzero()[0]
        if len(places):
            found = _played(candidate, chunk, batch, int(places[0]), sandbox)
            if found.differs:
                break
    return found


def _played(candidate: Candidate, chunk: AuditChunk, batch: SealedBatch, at: int, sandbox: Sandbox) -> RepeatedEpisode:
    with sandbox.reusing_workers() as fresh:
        outcome = fresh.play(candidate, batch)
    expected = chunk.expected.part(at, at + 1)
    replayed = outcome.logs.part(at, at + 1) if outcome.logs is not None else None
    return RepeatedEpisode(
        where=batch.describe(at),
        recorded=tuple(action_texts(expected)),
        on_decoys=tuple(action_texts(replayed)) if replayed is not None else (),
        verdict=outcome.verdict,
        differs=replayed is None or first_difference(expected, replayed) is not None,
        replaced=tuple(_replaced(chunk.episodes, batch, at, expected)),
    )


def _replaced(episodes: Episodes, batch: SealedBatch, at: int, expected: Logs) -> list[tuple[int, tuple[int, ...]]]:
    env, sealed, found = episodes.environments[int(episodes.environment[at])], batch.questions[at], []
    given, true = _columns(sealed), _columns(seal_question(env, int(episodes.question[at]), np.random.default_rng(0)))
    opened = opened_branches(episodes.take(np.array([at])), expected)
    first = env.branches(int(episodes.question[at])).start
    roots = (i for i, start in enumerate(opened.start[0].tolist()) if start == 0)
    lengths = env.probes.astype(np.int64) + 1
    for position, row in zip(roots, batch.orders[at].tolist(), strict=False):
        branch = int(opened.branch[0, position])
        if branch < 0:
            continue
        start, other = int(sealed.lengths[:row].sum()), int(lengths[first:branch].sum())
        size, whole = int(sealed.lengths[row]), int(lengths[branch])
        both = min(size, whole)
        cells = set(range(both, whole))
        for name, column in given.items():
            one, recorded = column[start : start + both], true[name][other : other + both]
            same = (one == recorded) | ((one != one) & (recorded != recorded))
            cells.update(np.flatnonzero(~same).tolist())
        if size != whole or int(sealed.totals[row]) != int(env.total_tokens[branch]):
            cells.add(whole - 1)
        if cells:
            found.append((position, tuple(sorted(cells))))
    return found


def _columns(sealed: SealedQuestion) -> dict[str, npt.NDArray[Any]]:
    """Return the answers of a question, in the vocabulary, and the numbers of its cells."""
    columns: dict[str, npt.NDArray[Any]] = {"": sealed.meaning[sealed.cells]}
    if sealed.extras is not None:
        columns |= {f"signal {name}": column for name, column in sealed.extras.signals.items()}
        columns |= {} if sealed.extras.verifier is None else {"score": sealed.extras.verifier}
    return columns
