"""Audits in full whatever a run is about to report: its front, its finalists, and the controllers that it was given.

A candidate that may be chosen is audited in full when it is evaluated, each episode once. Of these, few are reported in
the end: they are audited once more, with other decoys. A version that was audited on a sample may still come to the
front later, when others are rejected, or when new results change the beliefs: it gets both passes here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain

from autotts.sandbox.audit.look_ahead import PASSES, audit
from autotts.sandbox.audit.secret import AuditSecret
from autotts.sandbox.base import Sandbox
from autotts.sandbox.outcome import Candidate, Verdict

from .. import population
from ..archive.champions import ships
from ..records.audit import AuditRecord
from ..records.card import Card
from .attempts import Attempts, passed_over
from .candidate_store import CandidateStore
from .final_evaluation import finalists


def audit_reported(
    store: CandidateStore,
    sandbox: Sandbox,
    secret: AuditSecret,
    progress: Callable[[int], None] | None = None,
    rejected: Callable[[str, Verdict], None] = lambda version, verdict: None,
) -> None:
    """Audit versions in full until all that would be reported have passed. A conviction changes the ranks.

    A version with another protocol than the run's (a forked run may have some) keeps its extent: its episodes are not
    at hand. The final evaluation on fresh branch orders audits it in full.

    Args:
        store: the versions of a run after its last generation.
        sandbox: where the audits run.
        secret: the secret from which the chance of the audits comes.
        progress: called with the number of audited episodes that finished since the last call.
        rejected: called with each version that failed its audit.

    Raises:
        SandboxError: the sandbox failed.
    """
    archive, attempts = store.archive, Attempts(store.run.staged)
    while lacking := _lacking(store):
        for card in lacking:
            candidate = Candidate(card.id, archive.source(card.id))
            with attempts.of(card.id, "full audit") as allowed:
                verdict = passed_over("full audit")
                if allowed:
                    passes = PASSES - 1 if card.audited == "full" else PASSES
                    logs = archive.logs(card.id)
                    verdict = audit(candidate, store.episodes, logs, sandbox, 1.0, secret, progress, passes)
            record = AuditRecord(
                audited="full", verdict=verdict.kind, message=verdict.message, conviction=verdict.conviction
            )
            archive.put_audit(card.id, record)
            if not verdict.ok:
                rejected(card.id, verdict)
        archive.reindex()


def _lacking(store: CandidateStore) -> Sequence[Card]:
    """Return the versions that would be reported, and have not had their last audit."""
    cards = store.archive.cards_with_beliefs()
    protocol = store.run.config.protocol()
    front = population.front(cards, latency=store.run.config.latency)
    reported = {card.id: card for card in chain(front, *finalists(store.run, cards))}
    return [
        card
        for card in reported.values()
        if not (card.audited == "full" and store.archive.has_later_audit(card.id))
        and card.protocol == protocol
        and not ships(card)
    ]
