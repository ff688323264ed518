"""A candidate's trial: policy, evaluation, and the look-ahead audit, without which no score is kept."""

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
    """Try a candidate: what comes back with scores has earned them with what it had paid for.

    Args:
        candidate: whose every failure ends as a verdict.
        episodes: to be scored on.
        sandbox: where it runs.
        elite: whether the evaluation is so good that all episodes are to be audited, not a sample.
        seed: of the audit.
        progress: called with the number of evaluated episodes that were added.
        check_policy: whether the source is looked at first. All else holds without it.
        steps: after which it may be given up, which leaves it without scores; all at once if None.

    Raises:
        SandboxError: the sandbox failed.
    """
    if check_policy and not (refused := policy.check(candidate.source)).ok:
        return Evaluation(candidate, refused)
    if steps is None:
        found = evaluate(candidate, episodes, sandbox, progress)
    else:
        found = evaluate_in_steps(candidate, episodes, steps, sandbox, progress)
    if found.logs is None or found.scores is None:
        return found
    verdict = audit(candidate, episodes, found.logs, sandbox, 1.0 if elite(found) else AUDIT_SHARE, seed)
    return found if verdict.ok else Evaluation(candidate, verdict)
