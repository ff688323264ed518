"""Traces in, findings out: what a controller does wrong, how often, and where its tokens go.

`criteria` says in which episodes a fault shows; here the cases are counted, described and ordered by importance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import get_args

import numpy as np

from autotts.envs.contract.replay import BRANCH, FORK, PRUNE
from autotts.envs.episodes import Logs
from autotts.envs.log_entries import log_entries
from autotts.envs.scoring import Scores

from ..records.version import Evidence, Finding, FindingKind
from . import criteria
from .criteria import HOPELESS, DiagnosedBatch, FaultCases, StoppedEarlyCases
from .hindsight import Numbers

KINDS = get_args(FindingKind)
"""The kinds of findings."""

_WORST = 5
_TOKENS_WEIGHT = 0.1
"""Importance of the share of tokens that a fault costs; that of the share of episodes that it loses is 1."""
_WIDTH_WEIGHT = 0.2
"""Importance of episodes lost that only more branches would have saved: these take a larger budget, not a new rule."""

_Place = Callable[[int], tuple[int, int]]
"""Returns for an episode the record of its log at which the fault shows, and `Evidence.tokens`."""


def diagnose(scores: Scores, logs: Logs) -> list[Finding]:
    """Return the findings of ``logs``, the most important first; an empty list if no fault shows.

    Every count is over all E episodes. Importance is the share of the episodes that were lost, or a tenth of the
    share of the tokens that were wasted: an answer matters more than what it costs. Of the episodes stopped early,
    those that only more branches would have saved count for a fifth.

    - ``stopped_early``: see `criteria.stopped_early`.
    - ``pruned_right``: see `criteria.pruned_right`.
    - ``idle_tokens``: see `criteria.idle_tokens`.
    - ``idle_width``: see `criteria.idle_width`.
    - ``hopeless``: see `criteria.hopeless`.
    - ``uneven_beta``: see `criteria.uneven_beta`.

    Args:
        scores: the scores of ``logs``, as `envs.scoring.score` returns them.
        logs: the logs of the same episodes.
    """
    if not len(logs):
        return []
    batch = DiagnosedBatch(scores, logs)
    stopped = criteria.stopped_early(batch)
    findings = [
        _stopped_early(batch, stopped),
        _pruned_right(batch),
        _idle_tokens(batch),
        _idle_width(batch),
        _hopeless(batch),
        _uneven_beta(batch),
    ]
    spent, mendable = max(1, int(scores.tokens.sum())), float(stopped.open_suffice.sum()) / len(scores.correct)
    shown = [finding for finding in findings if finding.episodes]
    return sorted(shown, key=lambda finding: (-_importance(finding, spent, mendable), KINDS.index(finding.kind)))


def _importance(finding: Finding, spent: int, mendable: float) -> float:
    """Return the importance of a finding.

    Args:
        finding: the finding.
        spent: tokens of all episodes.
        mendable: share of all episodes that were stopped early although the open branches suffice.
    """
    if finding.kind == "stopped_early":
        return mendable + _WIDTH_WEIGHT * (finding.share - mendable)
    if finding.kind == "pruned_right":
        return finding.share
    return _TOKENS_WEIGHT * (finding.share if finding.kind == "uneven_beta" else finding.tokens / spent)


def _finding(
    kind: FindingKind, batch: DiagnosedBatch, cases: FaultCases, place: _Place, tokens: int, message: str
) -> Finding:
    episodes, which = batch.scores.episodes, np.flatnonzero(cases.shows)
    worst = which[np.argsort(-cases.badness[which], kind="stable")[:_WORST]].tolist()
    return Finding(
        kind=kind,
        episodes=len(which),
        share=len(which) / len(episodes),
        tokens=tokens,
        message=message,
        worst=tuple(
            Evidence(
                environment=episodes.environments[episodes.environment[e]].name,
                question=int(episodes.question[e]),
                beta=float(episodes.beta[e]),
                order=int(episodes.order[e]),
                step=step,
                tokens=tokens_there,
            )
            for e, (step, tokens_there) in ((e, place(e)) for e in worst)
        ),
    )


def _of_all(cases: FaultCases) -> str:
    return f"{int(cases.shows.sum()):,} of {len(cases.shows):,} episodes"


def _of_tokens(tokens: int, scores: Scores) -> str:
    return f"{100 * tokens / max(1, int(scores.tokens.sum())):.1f}% of all tokens"


def _end(batch: DiagnosedBatch) -> _Place:
    """Return the place of each episode's last record."""
    offsets, tokens = batch.logs.record_offsets, batch.scores.tokens
    return lambda e: (max(0, int(offsets[e + 1] - offsets[e]) - 1), int(tokens[e]))


def _spent(batch: DiagnosedBatch, e: int) -> Numbers:
    """Return the tokens spent by episode ``e`` after each record of its log."""
    entries = log_entries(batch.scores.episodes, batch.logs.part(e, e + 1), e)
    return np.cumsum(np.bincount(entries.record, weights=entries.tokens)).astype(np.int64)


# Answers lost


def _stopped_early(batch: DiagnosedBatch, cases: StoppedEarlyCases) -> Finding:
    message = (
        f"{_of_all(cases)} stopped too early and were wrong: in {int(cases.open_suffice.sum()):,} the open "
        f"branches, run to their end, had the majority right; in {int((cases.shows & ~cases.open_suffice).sum()):,} "
        "only all branches of the budget had, for more tokens."
    )
    return _finding("stopped_early", batch, cases, _end(batch), 0, message)


def _pruned_right(batch: DiagnosedBatch) -> Finding:
    cases = criteria.pruned_right(batch)

    def place(e: int) -> tuple[int, int]:
        part = batch.logs.part(e, e + 1)
        pruned = part.indices[part.index_offsets[:-1]]
        record = int(np.flatnonzero((part.verbs == PRUNE) & cases.right_pruned[e, pruned])[0])
        return record, int(_spent(batch, e)[record])

    message = (
        f"{_of_all(cases)} were wrong although the right answer is the most frequent end of the opened branches: "
        f"{int(cases.right_pruned[cases.shows].sum()):,} that would have ended right were pruned."
    )
    return _finding("pruned_right", batch, cases, place, 0, message)


# Tokens wasted


def _idle_tokens(batch: DiagnosedBatch) -> Finding:
    cases, lead = criteria.idle_tokens(batch), batch.lead
    tokens = int(lead.idle.sum())
    message = (
        f"{_of_tokens(tokens, batch.scores)} went by after the answer given had taken the lead for good, "
        f"in {_of_all(cases)}."
    )
    return _finding("idle_tokens", batch, cases, lambda e: (int(lead.settled[e]), int(lead.idle[e])), tokens, message)


def _idle_width(batch: DiagnosedBatch) -> Finding:
    cases, lead = criteria.idle_width(batch), batch.lead
    tokens = int(lead.late_tokens.sum())

    def place(e: int) -> tuple[int, int]:
        verbs = batch.logs.part(e, e + 1).verbs
        opens = (verbs == BRANCH) | (verbs == FORK)
        later = np.flatnonzero(opens & (np.arange(len(verbs)) > lead.settled[e]))
        return int(later[0]), int(lead.late_tokens[e])

    message = (
        f"{int(lead.late.sum()):,} branches of {int(batch.scores.opened.sum()):,} were opened after the answer given "
        f"had taken the lead for good, for {_of_tokens(tokens, batch.scores)}, in {_of_all(cases)}."
    )
    return _finding("idle_width", batch, cases, place, tokens, message)


def _hopeless(batch: DiagnosedBatch) -> Finding:
    cases, episodes = criteria.hopeless(batch), batch.scores.episodes

    def place(e: int) -> tuple[int, int]:
        return int(np.flatnonzero(_spent(batch, e) > cases.mean_tokens[e])[0]), round(cases.badness[e])

    tokens = round(cases.badness[cases.shows].sum())
    questions = len(np.unique(np.stack([episodes.environment, episodes.question])[:, cases.unwinnable], axis=1).T)
    message = (
        f"{_of_tokens(tokens, batch.scores)} went beyond the mean of a question on {questions:,} where fewer than "
        f"{100 * HOPELESS:g}% of the branches end right, in {_of_all(cases)}."
    )
    return _finding("hopeless", batch, cases, place, tokens, message)


# The use of beta


def _uneven_beta(batch: DiagnosedBatch) -> Finding:
    cases = criteria.uneven_beta(batch)
    faults = cases.faults
    shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")
    message = f"{len(faults)} of {cases.steps} steps of beta are uneven in mean tokens: {shown}."
    return _finding("uneven_beta", batch, cases, _end(batch), 0, message)
