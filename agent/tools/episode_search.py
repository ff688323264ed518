"""Which episodes of a controller are worth a look: those that were lost, or that spent most, or where a finding shows.

What counts as a finding is what `agent.diagnosis.findings` counts; here every episode counts, not the worst five.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from envs.scoring import Scores

from ..diagnosis.findings import HOPELESS
from ..diagnosis.hindsight import chances, finals, gold, majority_is, unread, votes
from ..diagnosis.lead import leads
from ..population.measurement import Measurement

Kind = Literal[
    "wrong", "right", "most_tokens", "most_wasted", "pruned_right", "stopped_early", "hopeless", "lost_to", "gained_on"
]
KINDS = get_args(Kind)
PAIRED = ("lost_to", "gained_on")
"""Kinds that need a second version."""

Bools = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class EpisodeSelection:
    """Episodes of a kind."""

    which: npt.NDArray[np.int64]
    """Indices into the batch: the worst of each question first, then the second of each, and so on."""
    questions: int
    """Different questions among them."""


def select_episodes(
    kind: Kind, tried: Measurement, other: Measurement | None = None, beta: float | None = None
) -> EpisodeSelection:
    """Return the episodes of a kind.

    Args:
        kind: what is looked for.
        tried: whose episodes.
        other: on the same episodes; for the kinds of `PAIRED`.
        beta: the only beta of interest, or None.
    """
    episodes = tried.scores.episodes
    shows, badness = _cases(kind, tried, other)
    if beta is not None:
        shows = shows & np.isclose(episodes.beta, beta)
    which = np.flatnonzero(shows)
    which = which[np.argsort(-badness[which], kind="stable")]
    key = episodes.environment[which].astype(np.int64) * (1 << 32) + episodes.question[which]
    seen: dict[int, int] = {}
    turn = []
    for question in key.tolist():
        turn.append(seen.get(question, 0))
        seen[question] = turn[-1] + 1
    return EpisodeSelection(which[np.argsort(turn, kind="stable")], len(seen))


def _cases(kind: Kind, tried: Measurement, other: Measurement | None) -> tuple[Bools, Weights]:
    scores, tokens = tried.scores, tried.scores.tokens.astype(float)
    if kind == "wrong":
        return ~scores.correct, tokens
    if kind == "right":
        return scores.correct, tokens
    if kind == "most_tokens":
        return np.ones(len(tokens), bool), tokens
    if kind == "most_wasted":
        idle = leads(scores.episodes, tried.logs).idle
        return idle > 0, idle.astype(float)
    if kind == "pruned_right":
        return _pruned_right(scores)
    if kind == "stopped_early":
        return _stopped_early(scores)
    if kind == "hopeless":
        return _hopeless(scores)
    assert other is not None
    won = other.scores.correct
    return (won & ~scores.correct if kind == "lost_to" else scores.correct & ~won), tokens


def _stopped_early(scores: Scores) -> tuple[Bools, Weights]:
    """Wrong, but right had the open branches, or all of the budget, been run to their end; the former come first."""
    everyone = np.arange(len(scores.correct))
    ends, right = finals(scores.episodes), gold(scores.episodes)
    is_open = np.arange(ends.shape[1]) < scores.opened[:, None]
    kept, unopened = is_open & ~scores.pruned, (ends >= 0) & ~is_open
    advances, rest = unread(scores, everyone)
    running = (kept & (advances > 0)).any(axis=1)
    deeper = running & majority_is(np.where(kept, ends, -1), right)
    wider = (running | unopened.any(axis=1)) & majority_is(ends, right)
    limit = scores.episodes.max_tokens
    if limit is not None:
        later = scores.tokens + np.where(kept, rest, 0).sum(axis=1)
        deeper &= later <= limit
        wider &= later + np.where(unopened, rest, 0).sum(axis=1) <= limit
    sure = (ends == right[:, None]).sum(axis=1) / (ends >= 0).sum(axis=1)
    return ~scores.correct & (deeper | wider), sure + (~scores.correct & deeper)


def _pruned_right(scores: Scores) -> tuple[Bools, Weights]:
    """Wrong, but the right answer is the most frequent end of the opened branches, and a pruned one has it."""
    ends, right = finals(scores.episodes), gold(scores.episodes)
    would = ends == right[:, None]
    lost = would & scores.pruned
    is_open = np.arange(ends.shape[1]) < scores.opened[:, None]
    count = votes(np.where(is_open, ends, -1))
    ahead = np.where(would, count, 0).max(axis=1) > np.where(would, 0, count).max(axis=1)
    return ~scores.correct & lost.any(axis=1) & ahead, lost.sum(axis=1).astype(float)


def _hopeless(scores: Scores) -> tuple[Bools, Weights]:
    """More tokens than the mean of its environment and beta, on a question that no vote gets right."""
    episodes = scores.episodes
    group = np.unique(np.stack([episodes.environment, episodes.beta]), axis=1, return_inverse=True)[1].ravel()
    mean = (np.bincount(group, weights=scores.tokens) / np.bincount(group))[group]
    excess = np.where(chances(episodes) < HOPELESS, np.maximum(0.0, scores.tokens - mean), 0.0)
    return excess >= 1, excess
