"""Traces in, findings out: what a controller does wrong, how often, and where its tokens go."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from envs.contract.replay import BRANCH, PRUNE
from envs.episodes import Logs
from envs.log_entries import log_entries
from envs.scoring import Scores

from ..records.version import Evidence, Finding
from .hindsight import Answers, Bools, Numbers, chances, finals, gold, majority_is, unread, votes
from .lead import LeadHistory, leads

KINDS = ("stopped_early", "pruned_right", "idle_tokens", "idle_width", "hopeless", "uneven_beta")
"""What a `Finding` can be about."""

HOPELESS = 0.02
"""Part of a question's recorded branches: if fewer end right, no vote will find them."""
_WORST = 5
_SAME = 0.01  # of the tokens at a beta: a smaller step to the next beta is none
_JUMP = 0.5  # of the whole range: a larger step between neighbours leaves the rest of the grid idle
_TOKENS_WEIGHT = 0.1  # a tenth of all tokens weighs as much as one episode in a hundred lost
_WIDTH_WEIGHT = 0.2  # what only all branches would have found takes a larger budget, more than another rule


def diagnose(scores: Scores, logs: Logs) -> list[Finding]:
    """Return what ``logs`` show that could be better, the most important first; an empty list if nothing does.

    Every count is over all E episodes. Importance is the share of the episodes that were lost, or a tenth of the
    share of the tokens that were wasted: an answer matters more than what it costs. Of the episodes stopped early,
    those that only more branches would have mended count for a fifth.

    - ``stopped_early``: wrong, but the majority would be right had the open branches run to their end, or had all
      branches of the budget been opened and run to their end.
    - ``pruned_right``: wrong, but of the final answers of all opened branches, the pruned ones included, the right
      one is the most frequent, and a pruned branch has it.
    - ``idle_tokens``: tokens spent once the answer given had taken the lead for good (see `agent.diagnosis.lead`).
    - ``idle_width``: branches opened after that.
    - ``hopeless``: tokens above the mean of the environment and beta, on questions that no vote can get right.
    - ``uneven_beta``: steps of the beta grid that add next to nothing, take tokens away, or add most of the range.

    Args:
        scores: what `envs.scoring.score` made of ``logs``.
        logs: the logs of the same episodes.
    """
    if not len(logs):
        return []
    ends, right = finals(scores.episodes), gold(scores.episodes)
    led = leads(scores.episodes, logs)
    stopped, mendable = _stopped_early(scores, logs, ends, right)
    found = [
        stopped,
        _pruned_right(scores, logs, ends, right),
        _idle_tokens(scores, logs, led),
        _idle_width(scores, logs, led),
        _hopeless(scores, logs),
        _uneven_beta(scores, logs),
    ]
    spent = max(1, int(scores.tokens.sum()))
    kept = [finding for finding in found if finding.episodes]
    return sorted(kept, key=lambda finding: (-_importance(finding, spent, mendable), KINDS.index(finding.kind)))


def _importance(finding: Finding, spent: int, mendable: float) -> float:
    if finding.kind == "stopped_early":
        return mendable + _WIDTH_WEIGHT * (finding.share - mendable)
    if finding.kind == "pruned_right":
        return finding.share
    return _TOKENS_WEIGHT * (finding.share if finding.kind == "uneven_beta" else finding.tokens / spent)


@dataclass(frozen=True)
class _Cases:
    """The episodes in which a finding shows: all columns have an entry for every episode of the batch."""

    kind: str
    shows: Bools
    badness: npt.NDArray[np.float64]
    """The larger the worse."""
    place: Callable[[int], tuple[int, int]]
    """For an episode: the record of its log at which it shows, and `Evidence.tokens`."""


def _finding(scores: Scores, cases: _Cases, tokens: int, message: str) -> Finding:
    episodes, which = scores.episodes, np.flatnonzero(cases.shows)
    worst = which[np.argsort(-cases.badness[which], kind="stable")[:_WORST]].tolist()
    return Finding(
        kind=cases.kind,
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
            for e, (step, tokens_there) in ((e, cases.place(e)) for e in worst)
        ),
    )


def _of_all(count: int, scores: Scores) -> str:
    return f"{count:,} of {len(scores.episodes):,} episodes"


def _of_tokens(tokens: int, scores: Scores) -> str:
    return f"{100 * tokens / max(1, int(scores.tokens.sum())):.1f}% of all tokens"


# Answers lost


def _stopped_early(scores: Scores, logs: Logs, ends: Answers, right: Answers) -> tuple[Finding, float]:
    """Return the finding, and the share of all episodes in which the open branches were enough."""
    wrong = np.flatnonzero(~scores.correct)
    ends, right = ends[wrong], right[wrong]
    is_open = np.arange(ends.shape[1]) < scores.opened[wrong][:, None]
    kept, unopened = is_open & ~scores.pruned[wrong], (ends >= 0) & ~is_open
    advances, rest = unread(scores, wrong)
    running = (kept & (advances > 0)).any(axis=1)
    deeper = running & majority_is(np.where(kept, ends, -1), right)
    wider = (running | unopened.any(axis=1)) & majority_is(ends, right)
    limit = scores.episodes.max_tokens
    if limit is not None:  # a look that the budget could not have paid for is nobody's fault
        later = scores.tokens[wrong] + np.where(kept, rest, 0).sum(axis=1)
        deeper &= later <= limit
        wider &= later + np.where(unopened, rest, 0).sum(axis=1) <= limit
    shows = np.zeros(len(scores.correct), bool)
    shows[wrong] = deeper | wider
    sure = np.zeros(len(scores.correct))
    sure[wrong] = (ends == right[:, None]).sum(axis=1) / (ends >= 0).sum(axis=1) + deeper  # first what can be mended
    cases = _Cases("stopped_early", shows, sure, lambda e: (_last_record(logs, e), int(scores.tokens[e])))
    message = (
        f"{_of_all(int(shows.sum()), scores)} stopped too early and were wrong: in {int(deeper.sum()):,} the open "
        f"branches, run to their end, had the majority right; in {int((wider & ~deeper).sum()):,} only all branches of "
        "the budget had, for more tokens."
    )
    return _finding(scores, cases, 0, message), float(deeper.sum()) / len(scores.correct)


def _last_record(logs: Logs, e: int) -> int:
    return max(0, int(logs.record_offsets[e + 1] - logs.record_offsets[e]) - 1)


def _pruned_right(scores: Scores, logs: Logs, ends: Answers, right: Answers) -> Finding:
    wrong = np.flatnonzero(~scores.correct)
    would = ends == right[:, None]
    lost = would & scores.pruned
    is_open = np.arange(ends.shape[1]) < scores.opened[:, None]
    count = votes(np.where(is_open, ends, -1)[wrong])
    ahead = np.where(would[wrong], count, 0).max(axis=1) > np.where(would[wrong], 0, count).max(axis=1)
    shows = np.zeros(len(scores.correct), bool)
    shows[wrong] = lost[wrong].any(axis=1) & ahead

    def place(e: int) -> tuple[int, int]:
        part = logs.part(e, e + 1)
        pruned = part.indices[part.index_offsets[:-1]]
        record = int(np.flatnonzero((part.verbs == PRUNE) & lost[e, pruned])[0])
        return record, int(_spent(scores, logs, e)[record])

    message = (
        f"{_of_all(int(shows.sum()), scores)} were wrong although the right answer is the most frequent end of the "
        f"opened branches: {int(lost[shows].sum()):,} that would have ended right were pruned."
    )
    return _finding(scores, _Cases("pruned_right", shows, lost.sum(axis=1).astype(float), place), 0, message)


def _spent(scores: Scores, logs: Logs, e: int) -> Numbers:
    """Return the tokens spent by episode ``e`` after each record of its log."""
    done = log_entries(scores.episodes, logs.part(e, e + 1), e)
    return np.cumsum(np.bincount(done.record, weights=done.tokens)).astype(np.int64)


# Tokens wasted


def _idle_tokens(scores: Scores, logs: Logs, led: LeadHistory) -> Finding:
    shows = led.idle > 0
    tokens = int(led.idle.sum())
    cases = _Cases("idle_tokens", shows, led.idle.astype(float), lambda e: (int(led.settled[e]), int(led.idle[e])))
    message = (
        f"{_of_tokens(tokens, scores)} went by after the answer given had taken the lead for good, "
        f"in {_of_all(int(shows.sum()), scores)}."
    )
    return _finding(scores, cases, tokens, message)


def _idle_width(scores: Scores, logs: Logs, led: LeadHistory) -> Finding:
    shows = led.late > 0
    tokens = int(led.late_tokens.sum())

    def place(e: int) -> tuple[int, int]:
        verbs = logs.part(e, e + 1).verbs
        later = np.flatnonzero((verbs == BRANCH) & (np.arange(len(verbs)) > led.settled[e]))
        return int(later[0]), int(led.late_tokens[e])

    message = (
        f"{int(led.late.sum()):,} branches of {int(scores.opened.sum()):,} were opened after the answer given had "
        f"taken the lead for good, for {_of_tokens(tokens, scores)}, in {_of_all(int(shows.sum()), scores)}."
    )
    return _finding(scores, _Cases("idle_width", shows, led.late_tokens + 1e-3 * led.late, place), tokens, message)


def _hopeless(scores: Scores, logs: Logs) -> Finding:
    episodes = scores.episodes
    group = np.unique(np.stack([episodes.environment, episodes.beta]), axis=1, return_inverse=True)[1].ravel()
    mean = (np.bincount(group, weights=scores.tokens) / np.bincount(group))[group]
    lost = chances(episodes) < HOPELESS
    excess = np.where(lost, np.maximum(0.0, scores.tokens - mean), 0.0)
    shows = excess >= 1

    def place(e: int) -> tuple[int, int]:
        return int(np.flatnonzero(_spent(scores, logs, e) > mean[e])[0]), round(excess[e])

    tokens = round(excess[shows].sum())
    questions = len(np.unique(np.stack([episodes.environment, episodes.question])[:, lost], axis=1).T)
    message = (
        f"{_of_tokens(tokens, scores)} went beyond the mean of a question on {questions:,} where fewer than "
        f"{100 * HOPELESS:g}% of the branches end right, in {_of_all(int(shows.sum()), scores)}."
    )
    return _finding(scores, _Cases("hopeless", shows, excess, place), tokens, message)


# The use of beta


def _uneven_beta(scores: Scores, logs: Logs) -> Finding:
    betas, which = np.unique(scores.episodes.beta, return_inverse=True)
    mean = np.bincount(which, weights=scores.tokens) / np.bincount(which)
    span = float(mean.max() - mean.min())
    concerned, faults = np.zeros(len(betas), bool), []
    for i, (low, high) in enumerate(zip(mean[:-1].tolist(), mean[1:].tolist(), strict=True)):
        if abs(high - low) <= _SAME * max(low, high):
            fault = "hardly changes the tokens"
        elif high < low:
            fault = "lowers the tokens"
        elif len(betas) > 2 and high - low > _JUMP * span:
            fault = f"takes {100 * (high - low) / span:.0f}% of the whole range"
        else:
            continue
        concerned[i : i + 2] = True
        faults.append(f"{betas[i]:g} to {betas[i + 1]:g} {fault} ({low:,.0f} to {high:,.0f})")
    shown = "; ".join(faults[:3]) + (f"; and {len(faults) - 3} more" if len(faults) > 3 else "")
    message = f"{len(faults)} of {len(betas) - 1} steps of beta are uneven in mean tokens: {shown}."
    cases = _Cases(
        "uneven_beta",
        concerned[which],
        scores.tokens.astype(float),
        lambda e: (_last_record(logs, e), int(scores.tokens[e])),
    )
    return _finding(scores, cases, 0, message)
