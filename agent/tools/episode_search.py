"""Searches a controller's episodes: those with the wrong answer, those that spent most, and those with a finding.

The criteria of findings are those of `agent.diagnosis.criteria`; a finding names five episodes, this search all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
import numpy.typing as npt

from ..diagnosis import criteria
from ..diagnosis.criteria import DiagnosedBatch, FaultCases
from ..population.measurement import Measurement
from ..records.workbench import EpisodeKind

KINDS = get_args(EpisodeKind)
PAIRED = ("lost_to", "gained_on")
"""Kinds that need a second version."""


@dataclass(frozen=True)
class EpisodeSelection:
    """The episodes of a kind."""

    which: npt.NDArray[np.int64]
    """(N,) indices into the batch: the worst episode of each question, then the second worst of each, and so on."""
    questions: int
    """The number of different questions among them."""


def select_episodes(
    kind: EpisodeKind, tried: Measurement, other: Measurement | None = None, beta: float | None = None
) -> EpisodeSelection:
    """Return the episodes of a kind.

    Args:
        kind: the kind of episodes to find.
        tried: the version whose episodes are searched.
        other: a second version on the same episodes; required for the kinds of `PAIRED`.
        beta: search only the episodes at this beta; None searches all.
    """
    episodes = tried.scores.episodes
    cases = _cases(kind, tried, other)
    shows = cases.shows if beta is None else cases.shows & np.isclose(episodes.beta, beta)
    which = np.flatnonzero(shows)
    which = which[np.argsort(-cases.badness[which], kind="stable")]
    key = episodes.environment[which].astype(np.int64) * (1 << 32) + episodes.question[which]
    seen: dict[int, int] = {}
    turn = []
    for question in key.tolist():
        turn.append(seen.get(question, 0))
        seen[question] = turn[-1] + 1
    return EpisodeSelection(which[np.argsort(turn, kind="stable")], len(seen))


def _cases(kind: EpisodeKind, tried: Measurement, other: Measurement | None) -> FaultCases:
    """Return the cases of a kind. Those that no criterion of a finding defines are the worse the more they spent."""
    batch, correct = DiagnosedBatch(tried.scores, tried.logs), tried.scores.correct
    if kind == "pruned_right":
        return criteria.pruned_right(batch)
    if kind == "stopped_early":
        return criteria.stopped_early(batch)
    if kind == "hopeless":
        return criteria.hopeless(batch)
    if kind == "most_wasted":
        return criteria.idle_tokens(batch)
    tokens = tried.scores.tokens.astype(float)
    if kind == "wrong":
        return FaultCases(~correct, tokens)
    if kind == "right":
        return FaultCases(correct, tokens)
    if kind == "most_tokens":
        return FaultCases(np.ones(len(tokens), bool), tokens)
    assert other is not None, f"{kind} needs a second version"
    won = other.scores.correct
    return FaultCases(won & ~correct if kind == "lost_to" else correct & ~won, tokens)
