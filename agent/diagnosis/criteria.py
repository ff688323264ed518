"""The criteria of findings, each defined once: in which episodes a fault shows, and how bad each case is.

`findings` counts the cases of a criterion; `agent.tools.episode_search` lists them. Both call the functions below.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from autotts.envs.episodes import Logs
from autotts.envs.scoring import Scores

from .hindsight import Answers, Bools, final_answers, gold_answers, majority_is, remaining_work, right_shares, votes
from .lead import LeadHistory, lead_history

Floats = npt.NDArray[np.float64]
_Scalar = TypeVar("_Scalar", bound=np.generic)

HOPELESS = 0.02
"""Smallest share of a question's recorded branches that end right with which the question is not hopeless."""
_SAME = 0.01
"""Relative change of mean tokens between neighbouring betas up to which the step counts as no step."""
_JUMP = 0.5
"""Share of the whole range of mean tokens above which one step of beta leaves too little to the other steps."""


@dataclass(frozen=True)
class DiagnosedBatch:
    """The logs of a batch of E episodes and their scores, with the tables that several criteria share."""

    scores: Scores
    logs: Logs

    @cached_property
    def final_answers(self) -> Answers:
        """(E, max_branches) See `hindsight.final_answers`."""
        return final_answers(self.scores)

    @cached_property
    def gold_answers(self) -> Answers:
        """(E,) See `hindsight.gold_answers`."""
        return gold_answers(self.scores.episodes)

    @cached_property
    def lead(self) -> LeadHistory:
        """See `lead.lead_history`."""
        return lead_history(self.scores.episodes, self.logs)


@dataclass(frozen=True)
class FaultCases:
    """The episodes in which a fault shows."""

    shows: Bools
    """(E,) Whether the fault shows in the episode."""
    badness: Floats
    """(E,) Orders the cases: the larger, the worse. Only the entries where ``shows`` is true mean anything."""


@dataclass(frozen=True)
class StoppedEarlyCases(FaultCases):
    """See `stopped_early`."""

    open_suffice: Bools
    """(E,) Whether the open branches alone, run to their end, had the right majority."""


@dataclass(frozen=True)
class PrunedRightCases(FaultCases):
    """See `pruned_right`."""

    right_pruned: Bools
    """(E, max_branches) Whether the branch was pruned and would have ended right."""


@dataclass(frozen=True)
class HopelessCases(FaultCases):
    """See `hopeless`."""

    unwinnable: Bools
    """(E,) Whether fewer than `HOPELESS` of the question's recorded branches end right."""
    mean_tokens: Floats
    """(E,) Mean tokens over the episodes with the same environment and beta."""


@dataclass(frozen=True)
class UnevenBetaCases(FaultCases):
    """See `uneven_beta`."""

    faults: tuple[str, ...]
    """A description of each uneven step."""
    steps: int
    """Steps of the beta grid."""


def stopped_early(batch: DiagnosedBatch) -> StoppedEarlyCases:
    """Return the wrong episodes in which more reading would have made the majority right.

    Either the open branches, run to their end, had the right majority, or all branches of the budget had. Reading that
    the token budget could not have paid for does not count. Cases in which the open branches suffice are worse, then
    those in which more branches end right.
    """
    scores = batch.scores
    wrong = np.flatnonzero(~scores.correct)
    ends, right = batch.final_answers[wrong], batch.gold_answers[wrong]
    is_open = np.arange(ends.shape[1]) < scores.opened[wrong][:, None]
    unpruned, unopened = is_open & ~scores.pruned[wrong], (ends >= 0) & ~is_open
    advances, rest = remaining_work(scores, wrong)
    running = (unpruned & (advances > 0)).any(axis=1)
    open_suffice = running & majority_is(np.where(unpruned, ends, -1), right)
    all_suffice = (running | unopened.any(axis=1)) & majority_is(ends, right)
    limit = scores.episodes.max_tokens
    if limit is not None:
        tokens = scores.tokens[wrong] + np.where(unpruned, rest, 0).sum(axis=1)
        open_suffice &= tokens <= limit
        all_suffice &= tokens + np.where(unopened, rest, 0).sum(axis=1) <= limit
    end_right = (ends == right[:, None]).sum(axis=1) / (ends >= 0).sum(axis=1)
    return StoppedEarlyCases(
        shows=_among(wrong, open_suffice | all_suffice, scores),
        badness=_among(wrong, end_right + open_suffice, scores),
        open_suffice=_among(wrong, open_suffice, scores),
    )


def pruned_right(batch: DiagnosedBatch) -> PrunedRightCases:
    """Return the wrong episodes that pruned a right answer which most opened branches support.

    The right answer is the most frequent final answer of all opened branches, the pruned ones included, and at least
    one pruned branch would have ended with it. More such branches are worse.
    """
    scores, ends = batch.scores, batch.final_answers
    wrong = np.flatnonzero(~scores.correct)
    ends_right = ends == batch.gold_answers[:, None]
    right_pruned = ends_right & scores.pruned
    is_open = np.arange(ends.shape[1]) < scores.opened[:, None]
    count = votes(np.where(is_open, ends, -1)[wrong])
    ahead = np.where(ends_right[wrong], count, 0).max(axis=1) > np.where(ends_right[wrong], 0, count).max(axis=1)
    return PrunedRightCases(
        shows=_among(wrong, right_pruned[wrong].any(axis=1) & ahead, scores),
        badness=right_pruned.sum(axis=1).astype(float),
        right_pruned=right_pruned,
    )


def idle_tokens(batch: DiagnosedBatch) -> FaultCases:
    """Return the episodes that spent tokens after the given answer had taken the lead for good (see `lead`)."""
    idle = batch.lead.idle
    return FaultCases(idle > 0, idle.astype(float))


def idle_width(batch: DiagnosedBatch) -> FaultCases:
    """Return the episodes that opened branches after the given answer had taken the lead for good (see `lead`)."""
    lead = batch.lead
    return FaultCases(lead.late > 0, lead.late_tokens + 1e-3 * lead.late)


def hopeless(batch: DiagnosedBatch) -> HopelessCases:
    """Return the episodes that spent more than the mean of their environment and beta on a hopeless question.

    A question is hopeless if fewer than `HOPELESS` of its recorded branches end right: no vote will find the answer.
    The badness of a case is its tokens above the mean.
    """
    scores, episodes = batch.scores, batch.scores.episodes
    group = np.unique(np.stack([episodes.environment, episodes.beta]), axis=1, return_inverse=True)[1].ravel()
    mean = (np.bincount(group, weights=scores.tokens) / np.bincount(group))[group]
    unwinnable = right_shares(episodes) < HOPELESS
    excess = np.where(unwinnable, np.maximum(0.0, scores.tokens - mean), 0.0)
    return HopelessCases(excess >= 1, excess, unwinnable, mean)


def uneven_beta(batch: DiagnosedBatch) -> UnevenBetaCases:
    """Return the episodes at betas beside an uneven step of the grid.

    A step between neighbouring betas is uneven if it hardly changes the mean tokens, lowers them, or takes more than
    half of the whole range. Episodes with more tokens are worse.
    """
    scores = batch.scores
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
    return UnevenBetaCases(concerned[which], scores.tokens.astype(float), tuple(faults), len(betas) - 1)


def _among(which: npt.NDArray[np.int64], values: npt.NDArray[_Scalar], scores: Scores) -> npt.NDArray[_Scalar]:
    """Return (E,) ``values`` at the episodes ``which``, and zero or false elsewhere."""
    result = np.zeros(len(scores.correct), values.dtype)
    result[which] = values
    return result
