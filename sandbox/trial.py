"""Tries a candidate: source policy, evaluation, and the look-ahead audit. Only audited scores are returned."""

from __future__ import annotations

from collections.abc import Callable

from envs.episodes import Episodes

from . import policy
from .audit.look_ahead import AUDIT_SHARE, audit
from .base import Sandbox
from .evaluation import Evaluation, evaluate
from .outcome import Candidate
from .steps import EvaluationSteps, evaluate_in_steps


def trial(
    candidate: Candidate,
    episodes: Episodes,
    sandbox: Sandbox,
    elite: Callable[[Evaluation], bool] = lambda evaluation: True,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    check_policy: bool = True,
    steps: EvaluationSteps | None = None,
) -> Evaluation:
    """Try a candidate. An evaluation with scores has passed the audit: it used only information that it paid for.

    Args:
        candidate: the candidate. Each of its failures becomes a verdict.
        episodes: the batch to score it on.
        sandbox: the sandbox to run in.
        elite: returns whether an evaluation is so good that all its episodes are audited instead of a sample.
        seed: seed of the audit.
        progress: called with the number of evaluated episodes that finished since the last call.
        check_policy: whether to check the source first. The other checks do not depend on this one.
        steps: steps after which the candidate may be stopped, without scores; None runs all episodes at once.

    Raises:
        SandboxError: the sandbox failed.
    """
    if check_policy and not (refused := policy.check(candidate.source)).ok:
        return Evaluation(candidate, refused)
    if steps is None:
        evaluation = evaluate(candidate, episodes, sandbox, progress)
    else:
        evaluation = evaluate_in_steps(candidate, episodes, steps, sandbox, progress)
    if evaluation.logs is None or evaluation.scores is None:
        return evaluation
    share = 1.0 if elite(evaluation) else AUDIT_SHARE
    verdict = audit(candidate, episodes, evaluation.logs, sandbox, share, seed)
    return evaluation if verdict.ok else Evaluation(candidate, verdict)
