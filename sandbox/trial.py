"""Tries a candidate: source policy, evaluation, and the look-ahead audit. Only audited scores are returned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from autotts.envs.episodes import Episodes

from . import policy
from .audit.look_ahead import PASSES, audit, extent_of
from .audit.secret import AuditSecret
from .base import Sandbox
from .evaluation import LoggedEvaluation, evaluate
from .outcome import Candidate


def trial(
    candidate: Candidate,
    episodes: Episodes,
    sandbox: Sandbox,
    audit_share: float = 1.0,
    secret: AuditSecret | None = None,
    progress: Callable[[int], None] | None = None,
    check_policy: bool = True,
) -> LoggedEvaluation:
    """Try a candidate. An evaluation with scores has passed the audit: it used only information that it paid for.

    Args:
        candidate: the candidate. Each of its failures becomes a verdict.
        episodes: the batch to score it on.
        sandbox: the sandbox to run in.
        audit_share: the share of the episodes that is audited, in [0, 1] (`audit.look_ahead.audited_episodes`).
        secret: the secret of the run, from which the chance of the audit comes; None draws one for this audit.
        progress: called with the number of evaluated episodes that finished since the last call.
        check_policy: whether to check the source first. The other checks do not depend on this one.

    Raises:
        SandboxError: the sandbox failed.
    """
    if check_policy and not (refused := policy.check(candidate.source)).ok:
        return LoggedEvaluation(candidate, refused)
    return audited(evaluate(candidate, episodes, sandbox, progress), episodes, sandbox, audit_share, secret)


def audited(
    evaluation: LoggedEvaluation,
    episodes: Episodes,
    sandbox: Sandbox,
    share: float = 1.0,
    secret: AuditSecret | None = None,
    progress: Callable[[int], None] | None = None,
    passes: int = PASSES,
) -> LoggedEvaluation:
    """Return ``evaluation`` if it passes the look-ahead audit, or has no scores.

    An evaluation that fails the audit comes back with the audit's verdict, and without logs and scores. One that passes
    says in `LoggedEvaluation.audited` how far it was audited.

    Args:
        evaluation: an evaluation on ``episodes``.
        episodes: the batch.
        sandbox: the sandbox to audit in. The audit starts workers of its own, whatever ran the evaluation.
        share: the share of the episodes that is audited, in [0, 1] (`audit.look_ahead.audited_episodes`).
        secret: the secret of the run, from which the chance of the audit comes; None draws one for this audit.
        progress: called with the number of audited episodes that finished since the last call.
        passes: times that a full audit plays each episode.

    Raises:
        SandboxError: the sandbox failed.
    """
    if evaluation.logs is None or evaluation.scores is None:
        return evaluation
    verdict = audit(evaluation.candidate, episodes, evaluation.logs, sandbox, share, secret, progress, passes)
    if verdict.ok:
        return replace(evaluation, audited=extent_of(len(episodes), share))
    return LoggedEvaluation(evaluation.candidate, verdict)
