"""What a controller does, in a few figures and one hash, read from its action logs."""

from __future__ import annotations

import hashlib

import numpy as np

from autotts.envs.episodes import Logs
from autotts.envs.scoring import Scores

from ..records.card import Behaviour


def behaviour(scores: Scores, logs: Logs) -> Behaviour:
    """Return the behaviour of the controller that made ``logs``, which have earned ``scores``."""
    episodes = scores.episodes
    delta = np.array([env.delta for env in episodes.environments], np.int64)[episodes.environment]
    ran = scores.depth - scores.start  # what a fork shares with its parent is counted there
    given_up = (ran * scores.pruned).sum(axis=1) * delta  # a pruned branch has not finished: whole intervals
    tokens = max(1, int(scores.tokens.sum()))
    return Behaviour(
        width=float(scores.width.mean()),
        depth=float(scores.depth[ran > 0].sum() / max(1, scores.width.sum())),
        pruned=float(given_up.sum() / tokens),
        latency=float(scores.latency.sum() / tokens),
        decisions=decisions(logs),
    )


def decisions(logs: Logs) -> str:
    """Return a hash that two logs of the same episodes share if the same was done in each, and the same answered.

    Answers are those of the environment's vocabulary, not the tokens that the sandbox saw. In which order a call names
    the branches that it advances side by side is no decision.
    """
    record = np.repeat(np.arange(len(logs.verbs)), logs.counts)
    named = logs.indices[np.lexsort((logs.indices, record))]
    columns = (logs.answer, logs.record_offsets, logs.verbs, logs.repeats, logs.counts, named)
    kinds = ("<i4", "<i8", "u1", "<u2", "<u2", "<u2")
    parts = (np.ascontiguousarray(column, kind).tobytes() for column, kind in zip(columns, kinds, strict=True))
    return hashlib.sha256(b"".join(parts)).hexdigest()[:32]
