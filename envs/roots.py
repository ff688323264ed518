"""Leaves the forks of an environment out, and says at which depths they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from .environment import Environment
from .ranges import ranges


def without_forks(env: Environment) -> Environment:
    """Return ``env`` with its roots alone, in their order; ``env`` itself if it has no forks."""
    if env.parents is None:
        return env
    roots = np.flatnonzero(env.is_root)
    starts = env.probe_offsets.astype(np.int64)
    cells = ranges(starts[roots], starts[roots + 1])
    widths = np.bincount(env.question_of[roots], minlength=len(env))
    return replace(
        env,
        branch_offsets=np.concatenate(([0], np.cumsum(widths))).astype(np.int32),
        probe_offsets=np.concatenate(([0], np.cumsum(env.probes[roots]))).astype(np.int32),
        probe_answers=env.probe_answers[cells],
        final_answers=env.final_answers[roots],
        total_tokens=env.total_tokens[roots],
        signals={name: column[cells] for name, column in env.signals.items()},
        final_signals={name: column[roots] for name, column in env.final_signals.items()},
        verifier=None if env.verifier is None else env.verifier[cells],
        final_verifier=None if env.final_verifier is None else env.final_verifier[roots],
        parents=None,
        fork_depths=None,
        fork_rule="recorded",
    )


def fork_depths_in_words(environments: Iterable[Environment]) -> str:
    """Return the depths at which branches of ``environments`` were forked: all of a few, else the ends of their range.

    It is empty if there is no fork.
    """
    columns = (env.fork_depths for env in environments if env.fork_depths is not None)
    depths = sorted({depth for column in columns for depth in np.unique(column).tolist() if depth})
    return ", ".join(map(str, depths)) if len(depths) <= 12 else f"{depths[0]} to {depths[-1]}"
