"""Repeats the audit that convicted a candidate, and shows the convicting episode."""

from __future__ import annotations

from dataclasses import dataclass

from autotts.envs.episodes import Episodes, Logs

from ..base import Sandbox
from ..outcome import Candidate, Conviction, Verdict
from ..sealed_extras import declared_by
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
    recording. The last cell is the final answer; a branch whose length differs has its last cell here."""


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
        replaced=tuple(_replaced(chunk.episodes, batch, at)),
    )


def _replaced(episodes: Episodes, batch: SealedBatch, at: int) -> list[tuple[int, tuple[int, ...]]]:
    env, sealed, found = episodes.environments[int(episodes.environment[at])], batch.questions[at], []
    for position, row in enumerate(batch.orders[at].tolist()):
        branch = int(episodes.opened[at, position])
        probes = env.probe_answers[env.probe_offsets[branch] : env.probe_offsets[branch + 1]].tolist()
        true = [*probes, int(env.final_answers[branch])]
        start = int(sealed.lengths[:row].sum())
        given = sealed.meaning[sealed.cells[start : start + int(sealed.lengths[row])]].tolist()
        cells = {d for d, answer in enumerate(true) if d >= len(given) or given[d] != answer}
        if len(given) != len(true) or int(sealed.totals[row]) != int(env.total_tokens[branch]):
            cells.add(len(true) - 1)
        if cells:
            found.append((position, tuple(sorted(cells))))
    return found
